use common::traceable;

#[traceable]
const fn constant() -> u8 {
    0
}

trait Tool {
    #[traceable]
    fn call(&self);
}

#[traceable]
struct Data;

fn main() {}
