//! A proxy that does to requests what gateways, networks and busy servers do to them, on order.
//!
//! ```text
//! caller ──► Chaos ──ChaosSwitch: strip · duplicate · truncate · delay · …──► service, or the stand-in
//!              │  └ limit · status ──► an answer of its own, and the service never hears of the request
//!              │  └ reset · trickle ──► the answer is cut off, or comes byte by byte
//!              └──► ChaosEntry (what it did to which request) · ChaosCounters
//! ```
//!
//! It works on the bytes of HTTP/1.1, below every library, so that the case of a name, two lines of one
//! header and blanks in a value arrive as they were sent. A switch is for all requests, for a route, for a
//! share of them or for the next few; a script has one for each request. What is chance comes from a seed,
//! so it is the same at each execution. Start at [`Chaos::before`].
//!
//! What it does not do: HTTP/2, TLS, and connections that are kept. Each request has a connection of its own, and
//! both sides are told so. Times in the bodies of runs are left alone; a service whose clock is wrong is made with
//! [`SkewedClock`].

mod carry;
mod change;
mod clock;
mod head;
mod log;
mod plan;
mod proxy;
mod switch;
mod words;

pub use clock::SkewedClock;
pub use log::{ChaosCounters, ChaosEntry, ChaosOutcome};
pub use proxy::{Chaos, ChaosError, ChaosTarget};
pub use switch::{ChaosReset, ChaosSwitch};
pub use words::{ChaosOrders, ParseChaosError};
