//! The repository's pages, whose programs are compiled with every test.
//!
//! A page with a block of Rust that is not named here fails the test `docs`.

/// Holds a page as documentation, where the compiler of doctests finds it.
macro_rules! pages {
    ($($name:ident = $path:literal,)*) => {
        $(
            #[doc = include_str!($path)]
            #[derive(Debug)]
            pub struct $name;
        )*
    };
}

pages! {
    ChaosPage = "../../docs/chaos.md",
    FrontPage = "../../README.md",
    CommonPatterns = "../../docs/common_patterns.md",
    ClientPage = "../../docs/client.md",
    CollectorPage = "../../docs/collector.md",
    Faq = "../../docs/faq.md",
    ManualPropagation = "../../docs/manual_propagation.md",
    WireFormat = "../../docs/wire_format.md",
}
