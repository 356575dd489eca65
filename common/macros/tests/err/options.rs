use common::traceable;

#[traceable(nmae = "x")]
fn unknown() {}

#[traceable("x")]
fn unnamed() {}

#[traceable(name)]
fn without_value() {}

#[traceable(name = "a", name = "b")]
fn twice() {}

#[traceable(skip(qestion))]
fn no_such_argument(question: &str) {}

#[traceable(skip_all, skip(question))]
fn contradiction(question: &str) {}

#[traceable(err(Pretty))]
fn form() -> Result<(), String> {
    Ok(())
}

#[traceable(process_inputs = |inputs| 7)]
fn wrong_hook() {}

struct Holder;

impl Holder {
    #[traceable(skip(self))]
    fn skips_self(&self) {}
}

fn main() {}
