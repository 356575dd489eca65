//! What the tokens would cost. Start at [`Price`].

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use common::model::{RunType, TraceTree, USAGE_METADATA};
use serde_json::Value;

/// US dollars for a million tokens, in and out.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Price {
    /// For what a model reads.
    pub input: f64,
    /// For what it writes.
    pub output: f64,
}

impl Price {
    /// Returns the runs with what their calls of models come to at this price. Costs that a run carries already are
    /// left as they are.
    ///
    /// The price is for reading along: it is put into no run that is sent. LangSmith has a price list of its own.
    pub fn applied(self, tree: &TraceTree) -> TraceTree {
        let runs = tree.nodes().iter().map(|node| {
            let mut run = node.run.clone();
            let usage = run.usage().filter(|usage| usage.total_cost.is_none());
            if let Some(usage) = usage.filter(|_| run.run_type == RunType::Llm) {
                let million = 1e6;
                let (input, output) = (usage.input_tokens as f64, usage.output_tokens as f64);
                let priced =
                    usage.cost(input * self.input / million, output * self.output / million);
                let priced = Value::from(priced);
                if let Some(outputs) = &mut run.outputs {
                    outputs.insert(USAGE_METADATA.to_owned(), priced.clone());
                }
                Arc::make_mut(&mut run.extra.metadata).insert(USAGE_METADATA.to_owned(), priced);
            }
            run
        });
        TraceTree::build(runs)
    }
}

impl FromStr for Price {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let number = |text: &str| {
            let number = text.trim().parse().ok();
            number.filter(|dollars: &f64| dollars.is_finite() && *dollars >= 0.0)
        };
        let both = text.split_once(',');
        let both = both.and_then(|(input, output)| Some((number(input)?, number(output)?)));
        match both {
            Some((input, output)) => Ok(Self { input, output }),
            None => Err("two numbers with a comma between, such as 0.15,0.60".to_owned()),
        }
    }
}

impl fmt::Display for Price {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (input, output) = (self.input, self.output);
        write!(f, "${input} for a million tokens in and ${output} out")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_price_is_two_numbers_that_are_not_negative() {
        let price: Price = "0.15, 0.60".parse().expect("a price");
        assert_eq!(
            price,
            Price {
                input: 0.15,
                output: 0.6
            }
        );
        for none in ["", "1", "1,x", "-1,2", "inf,1", "1,2,3"] {
            assert!(none.parse::<Price>().is_err(), "{none:?}");
        }
    }
}
