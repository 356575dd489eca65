//! Which switches a request meets.

use std::collections::VecDeque;

use super::switch::{ChaosSwitch, Effect};

/// The switches in force: those that stay, and a script with one for each request.
#[derive(Debug, Default)]
pub(super) struct Plan {
    seed: u64,
    standing: Vec<Rule>,
    script: VecDeque<Rule>,
    made: u64,
}

#[derive(Debug)]
struct Rule {
    switch: ChaosSwitch,
    // Which rule it is since all was calm: chance is drawn for each apart.
    id: u64,
    // Requests that it fitted, whether or not chance was against it.
    seen: u64,
    left: Option<u64>,
}

impl Plan {
    pub(super) fn seed(&mut self, seed: u64) {
        self.seed = seed;
    }

    pub(super) fn add(&mut self, switch: ChaosSwitch) {
        let left = switch.times;
        let rule = self.rule(switch, left);
        self.standing.push(rule);
    }

    pub(super) fn script(&mut self, switches: impl IntoIterator<Item = ChaosSwitch>) {
        self.script.clear();
        for switch in switches {
            let times = switch.times.unwrap_or(1);
            let rule = self.rule(switch, Some(times));
            self.script.push_back(rule);
        }
    }

    pub(super) fn calm(&mut self) {
        *self = Self {
            seed: self.seed,
            ..Self::default()
        };
    }

    pub(super) fn script_left(&self) -> u64 {
        self.script.iter().filter_map(|rule| rule.left).sum()
    }

    fn rule(&mut self, switch: ChaosSwitch, left: Option<u64>) -> Rule {
        let id = self.made;
        self.made += 1;
        Rule {
            switch,
            id,
            seen: 0,
            left,
        }
    }

    /// Returns what is to be done to a request: what the script says first, then what stays.
    pub(super) fn meet(&mut self, path: &str) -> Vec<Effect> {
        let mut effects = Vec::new();
        while self.script.front().is_some_and(|step| step.left == Some(0)) {
            self.script.pop_front();
        }
        if let Some(step) = self
            .script
            .front_mut()
            .filter(|step| step.switch.fits(path))
        {
            // A step is over when its requests have come, whatever chance said.
            step.left = step.left.map(|left| left - 1);
            effects.extend(step.draw(self.seed));
        }
        for rule in &mut self.standing {
            if !rule.switch.fits(path) || rule.left == Some(0) {
                continue;
            }
            let drawn = rule.draw(self.seed);
            if let (Some(left), false) = (&mut rule.left, drawn.is_empty()) {
                *left -= 1;
            }
            effects.extend(drawn);
        }
        effects
    }
}

impl Rule {
    /// Returns the effects if chance has it so.
    fn draw(&mut self, seed: u64) -> Vec<Effect> {
        let drawn = mixed(seed ^ mixed(self.id) ^ self.seen) % 100;
        self.seen += 1;
        match drawn < u64::from(self.switch.percent) {
            true => self.switch.effects.clone(),
            false => Vec::new(),
        }
    }
}

/// Mixes the bits of a number, by the finalizer of SplitMix64: the same everywhere and in every version.
fn mixed(number: u64) -> u64 {
    let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}
