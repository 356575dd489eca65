//! What stands between the parentheses of the attribute.

use proc_macro2::Span;
use syn::ext::IdentExt as _;
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{Error, Expr, Ident, LitStr, Path, Result, Token, parenthesized};

const KNOWN: &str = "name, run_type, tags(…), metadata(…), project, skip(…), skip_all, skip_output, \
                     err(Debug), process_inputs, process_outputs, enabled, parent, tracer, crate";

/// The options of one attribute.
#[derive(Default)]
pub(crate) struct Options {
    pub(crate) name: Option<Expr>,
    pub(crate) run_type: Option<Expr>,
    pub(crate) project: Option<Expr>,
    pub(crate) tags: Vec<Expr>,
    pub(crate) metadata: Vec<(LitStr, Expr)>,
    pub(crate) skip: Vec<Ident>,
    pub(crate) skip_all: bool,
    pub(crate) skip_output: bool,
    pub(crate) err_debug: bool,
    pub(crate) process_inputs: Option<Expr>,
    pub(crate) process_outputs: Option<Expr>,
    pub(crate) enabled: Option<Expr>,
    pub(crate) parent: Option<Expr>,
    pub(crate) tracer: Option<Expr>,
    pub(crate) krate: Option<Path>,
}

impl Parse for Options {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let mut options = Self::default();
        let mut seen: Vec<Ident> = Vec::new();
        while !input.is_empty() {
            if input.peek(syn::Lit) {
                return Err(input.error("an option has a name: write `name = \"…\"`"));
            }
            let option = Ident::parse_any(input)?;
            if seen.contains(&option) {
                return Err(Error::new(
                    option.span(),
                    format!("`{option}` is there twice"),
                ));
            }
            options.read(&option, input)?;
            seen.push(option);
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        options.agree(&seen)?;
        Ok(options)
    }
}

impl Options {
    fn read(&mut self, option: &Ident, input: ParseStream<'_>) -> Result<()> {
        let place = match option.to_string().as_str() {
            "name" => &mut self.name,
            "run_type" => &mut self.run_type,
            "project" => &mut self.project,
            "process_inputs" => &mut self.process_inputs,
            "process_outputs" => &mut self.process_outputs,
            "enabled" => &mut self.enabled,
            "parent" => &mut self.parent,
            "tracer" => &mut self.tracer,
            "crate" => {
                input.parse::<Token![=]>()?;
                self.krate = Some(input.call(Path::parse_mod_style)?);
                return Ok(());
            }
            "skip_all" => {
                self.skip_all = true;
                return Ok(());
            }
            "skip_output" => {
                self.skip_output = true;
                return Ok(());
            }
            "tags" => {
                self.tags = list(input, Expr::parse)?;
                return Ok(());
            }
            "metadata" => {
                self.metadata = list(input, entry)?;
                return Ok(());
            }
            "skip" => {
                self.skip = list(input, name_of_argument)?;
                return Ok(());
            }
            "err" => {
                for form in list(input, Ident::parse)? {
                    if form != "Debug" {
                        let known =
                            "the forms of an error are `err(Debug)` and, without it, `Display`";
                        return Err(Error::new(form.span(), known));
                    }
                    self.err_debug = true;
                }
                return Ok(());
            }
            _ => {
                let unknown = format!("unknown option `{option}`; there are: {KNOWN}");
                return Err(Error::new(option.span(), unknown));
            }
        };
        if !input.peek(Token![=]) {
            let form = format!("`{option}` takes a value: write `{option} = …`");
            return Err(Error::new(option.span(), form));
        }
        input.parse::<Token![=]>()?;
        *place = Some(input.parse()?);
        Ok(())
    }

    /// Rejects options that contradict each other.
    fn agree(&self, seen: &[Ident]) -> Result<()> {
        let at = |name: &str| -> Span {
            let option = seen.iter().find(|option| *option == name);
            option.map_or_else(Span::call_site, Ident::span)
        };
        let both = |one: &str, other: &str| {
            Err(Error::new(
                at(other),
                format!("`{one}` and `{other}` contradict each other"),
            ))
        };
        if self.skip_all && !self.skip.is_empty() {
            return both("skip_all", "skip");
        }
        if self.skip_output && self.process_outputs.is_some() {
            return both("skip_output", "process_outputs");
        }
        Ok(())
    }
}

/// Reads `(one, two)`.
fn list<T>(input: ParseStream<'_>, one: fn(ParseStream<'_>) -> Result<T>) -> Result<Vec<T>> {
    let inner;
    parenthesized!(inner in input);
    let items = Punctuated::<T, Token![,]>::parse_terminated_with(&inner, one)?;
    Ok(items.into_iter().collect())
}

/// Reads `key = value`, where the key is a name or a text.
fn entry(input: ParseStream<'_>) -> Result<(LitStr, Expr)> {
    let key = if input.peek(LitStr) {
        input.parse()?
    } else {
        let name = Ident::parse_any(input)?;
        LitStr::new(&name.unraw().to_string(), name.span())
    };
    input.parse::<Token![=]>()?;
    Ok((key, input.parse()?))
}

fn name_of_argument(input: ParseStream<'_>) -> Result<Ident> {
    if input.peek(Token![self]) {
        return Err(input.error("`self` is never recorded, so it need not be skipped"));
    }
    input.parse()
}
