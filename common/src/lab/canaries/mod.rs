//! The masking prover: a secret of its own in every field, and a look at every byte that left.
//!
//! ```text
//! Plant::ALL ──one secret each──► runs, feedback, a call of another service ──► Client with a Mask
//!                                                                                │ what leaves
//!      Proof ◄── left · masked · not there ◄── searched byte by byte ◄── wire · headers · spool · log · Debug
//! ```
//!
//! Beside each secret stands a word that is none. If the secret is found, it **left**. If only the word is, the
//! secret was **masked** out of what left. If neither is, the field was **not there**: it was hidden or withheld, or
//! never sent. A secret is looked for in every form it can take on the way: it is hexadecimal, so escapes of JSON and
//! of headers leave it as it is, and nothing is compressed. Start at [`prove`].

mod exits;
mod mask;
mod matrix;
mod plant;
mod planting;
mod prove;

pub use exits::Exit;
pub use mask::Mask;
pub use matrix::CanaryMatrix;
pub use plant::Plant;
pub use prove::{CanaryError, Fate, Proof, prove, prove_all, prove_mask};
