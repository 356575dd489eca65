//! The crate is taken under a name that no manifest says, as in a workspace with a facade.
mod facade {
    pub(crate) mod tracing {
        pub(crate) use common::__private;
    }
}

use common as langsmith;
use langsmith::traceable;

#[traceable(crate = crate::facade::tracing)]
fn by_path(number: u8) -> u8 {
    number
}

#[traceable]
fn by_manifest(number: u8) -> u8 {
    number
}

fn main() {
    assert_eq!(by_path(1) + by_manifest(2), 3);
}
