//! Which edges go back, and in which layer each node stands.
//!
//! ```text
//! a → b → c        layer 0: a   1: b   2: c
//!     ↑___│        c → b goes back: the search came to c from b
//! ```
//!
//! Start at [`backward`].

/// Tells which edges lead back to where the search for them came from.
pub(super) fn backward(count: usize, ends: &[(usize, usize)], start: Option<usize>) -> Vec<bool> {
    let mut out: Vec<Vec<usize>> = vec![Vec::new(); count];
    for (edge, (from, _)) in ends.iter().enumerate() {
        out[*from].push(edge);
    }
    let mut backward = vec![false; ends.len()];
    // 0: not seen, 1: on the way, 2: done.
    let mut state = vec![0_u8; count];
    for root in start.into_iter().chain(0..count) {
        let mut stack = vec![(root, 0)];
        while let Some((node, next)) = stack.pop() {
            if next == 0 && state[node] != 0 {
                continue;
            }
            state[node] = 1;
            let Some(edge) = out[node].get(next) else {
                state[node] = 2;
                continue;
            };
            stack.push((node, next + 1));
            let to = ends[*edge].1;
            match state[to] {
                0 => stack.push((to, 0)),
                1 => backward[*edge] = true,
                _ => {}
            }
        }
    }
    backward
}

/// Puts each node below all that lead to it.
pub(super) fn layers(count: usize, ends: &[(usize, usize)], backward: &[bool]) -> Vec<usize> {
    let forward = || {
        ends.iter()
            .zip(backward)
            .filter(|(_, back)| !**back)
            .map(|(ends, _)| *ends)
    };
    let mut out: Vec<Vec<usize>> = vec![Vec::new(); count];
    let mut waiting = vec![0_usize; count];
    for (from, to) in forward() {
        out[from].push(to);
        waiting[to] += 1;
    }
    let mut layer = vec![0; count];
    let mut ready: Vec<usize> = (0..count).filter(|node| waiting[*node] == 0).collect();
    while let Some(node) = ready.pop() {
        for to in &out[node] {
            layer[*to] = layer[*to].max(layer[node] + 1);
            waiting[*to] -= 1;
            if waiting[*to] == 0 {
                ready.push(*to);
            }
        }
    }
    layer
}
