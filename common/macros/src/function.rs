//! What the attribute needs to know of the function below it.

use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::{format_ident, quote};
use syn::ext::IdentExt as _;
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{
    Attribute, Block, Error, Expr, ExprAsync, FnArg, GenericArgument, Pat, PathArguments,
    ReceiverKind, Result, ReturnType, Signature, Stmt, Token, Type, TypeParamBound, Visibility,
};

/// A function: its head, and its body as it was written.
pub(crate) struct Function {
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) before: TokenStream,
    pub(crate) signature: Signature,
    pub(crate) body: TokenTree,
    pub(crate) arguments: Vec<Argument>,
}

/// One argument besides `self`.
pub(crate) struct Argument {
    /// The name that the head gives it.
    pub(crate) outer: Ident,
    /// The pattern as it was written.
    pub(crate) pattern: Pat,
    /// Whether the pattern is more than a name.
    pub(crate) is_taken_apart: bool,
    /// The names that the pattern binds.
    pub(crate) binds: Vec<Ident>,
}

impl Parse for Function {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        const WRONG_PLACE: &str = "`#[traceable]` goes on a function with a body";
        let wrong_place = |error: Error| Error::new(error.span(), WRONG_PLACE);
        let attributes = input.call(Attribute::parse_outer)?;
        let visibility: Visibility = input.parse()?;
        let default: Option<Token![default]> = input.parse()?;
        let signature: Signature = input.parse().map_err(wrong_place)?;
        if input.peek(Token![;]) {
            let place = "a function without a body has nothing to trace; put `#[traceable]` on its \
                         implementations";
            return Err(Error::new(signature.ident.span(), place));
        }
        if let Some(constness) = &signature.constness {
            return Err(Error::new(constness.span, "a `const fn` cannot be traced"));
        }
        let body: TokenTree = input.parse()?;
        let mut function = Self {
            attributes,
            before: quote!(#visibility #default),
            signature,
            body,
            arguments: Vec::new(),
        };
        function.name_arguments();
        Ok(function)
    }
}

impl Function {
    /// Gives every argument a plain name in the head; its pattern moves into the body.
    fn name_arguments(&mut self) {
        let mut arguments = Vec::new();
        for (number, argument) in self.signature.inputs.iter_mut().enumerate() {
            let FnArg::Typed(typed) = argument else {
                continue;
            };
            let pattern = (*typed.pat).clone();
            let (outer, is_taken_apart) = match &pattern {
                Pat::Ident(name) if name.by_ref.is_none() && name.subpat.is_none() => {
                    (name.ident.clone(), false)
                }
                _ => (
                    format_ident!("__arg{number}", span = Span::mixed_site()),
                    true,
                ),
            };
            let mut binds = Vec::new();
            names(&mut pattern.clone(), &mut |name| {
                binds.push(name.clone());
                true
            });
            arguments.push(Argument {
                outer,
                pattern,
                is_taken_apart,
                binds,
            });
        }
        self.arguments = arguments;
    }

    /// Returns the head with the arguments by the names that [`Argument::outer`] has.
    pub(crate) fn head(&self) -> Signature {
        let mut signature = self.signature.clone();
        let typed = signature
            .inputs
            .iter_mut()
            .filter_map(|argument| match argument {
                FnArg::Typed(typed) => Some(typed),
                FnArg::Receiver(_) => None,
            });
        for (typed, argument) in typed.zip(&self.arguments) {
            let name = &argument.outer;
            *typed.pat = syn::parse_quote!(#name);
        }
        signature
    }

    /// Returns true if the function owns what `self` names.
    pub(crate) fn owns_self(&self) -> bool {
        let receiver = self.signature.receiver();
        receiver.is_some_and(|receiver| !matches!(receiver.kind, ReceiverKind::Reference(..)))
    }

    /// Returns the type that a call gives back; none for `!`.
    pub(crate) fn returned(&self) -> Option<Type> {
        match &self.signature.output {
            ReturnType::Default => Some(syn::parse_quote!(())),
            ReturnType::Type(_, never) if matches!(**never, Type::Never(_)) => None,
            ReturnType::Type(_, returned) => Some((**returned).clone()),
        }
    }

    /// Returns what a function that is not `async` and gives back a future consists of, if that is one
    /// `async` block, boxed or not, and the type that the future gives back.
    pub(crate) fn future(&self) -> Option<Future> {
        let ReturnType::Type(_, returned) = &self.signature.output else {
            return None;
        };
        let output = output_of(returned)?;
        let body = &self.body;
        let block: Block = syn::parse2(quote!(#body)).ok()?;
        let [Stmt::Expr(last, None)] = block.stmts.as_slice() else {
            return None;
        };
        match last {
            Expr::Async(future) => Some(Future {
                block: future.clone(),
                pin: None,
                output,
            }),
            Expr::Call(call) => {
                let Expr::Path(pin) = &*call.func else {
                    return None;
                };
                let mut path = pin.path.segments.iter().rev();
                let is_pin = path.next()?.ident == "pin" && path.next()?.ident == "Box";
                match (is_pin, call.args.len(), call.args.first()?) {
                    (true, 1, Expr::Async(future)) => Some(Future {
                        block: future.clone(),
                        pin: Some(quote!(#pin)),
                        output,
                    }),
                    _ => None,
                }
            }
            _ => None,
        }
    }
}

/// A body that is a future.
pub(crate) struct Future {
    pub(crate) block: ExprAsync,
    /// The `Box::pin` around it.
    pub(crate) pin: Option<TokenStream>,
    pub(crate) output: Type,
}

/// Returns the `T` of `impl Future<Output = T>`, `Pin<Box<dyn Future<Output = T>>>` and `BoxFuture<T>`.
fn output_of(returned: &Type) -> Option<Type> {
    let bounds = match returned {
        Type::ImplTrait(future) => &future.bounds,
        Type::TraitObject(future) => &future.bounds,
        Type::Path(path) => {
            let last = path.path.segments.last()?;
            let PathArguments::AngleBracketed(arguments) = &last.arguments else {
                return None;
            };
            let inner = arguments
                .args
                .iter()
                .rev()
                .find_map(|argument| match argument {
                    GenericArgument::Type(inner) => Some(inner),
                    _ => None,
                })?;
            return match last.ident.to_string().as_str() {
                "Pin" | "Box" => output_of(inner),
                "BoxFuture" | "LocalBoxFuture" => Some(inner.clone()),
                _ => None,
            };
        }
        _ => return None,
    };
    bounds.iter().find_map(|bound| {
        let TypeParamBound::Trait(bound) = bound else {
            return None;
        };
        let last = bound
            .path
            .segments
            .last()
            .filter(|last| last.ident == "Future")?;
        let PathArguments::AngleBracketed(arguments) = &last.arguments else {
            return None;
        };
        arguments.args.iter().find_map(|argument| match argument {
            GenericArgument::AssocType(output) if output.ident == "Output" => {
                Some(output.ty.clone())
            }
            _ => None,
        })
    })
}

/// Shows each name that a pattern binds, without its `ref` and `mut`; where `keep` says no, `_` takes its
/// place.
pub(crate) fn names(pattern: &mut Pat, keep: &mut dyn FnMut(&Ident) -> bool) {
    let mut each = |patterns: &mut Punctuated<Pat, Token![,]>| {
        patterns.iter_mut().for_each(|pattern| names(pattern, keep));
    };
    match pattern {
        Pat::Ident(name) => {
            name.by_ref = None;
            name.mutability = None;
            if let Some((_, inner)) = &mut name.subpat {
                names(inner, keep);
            }
            if !keep(&name.ident) {
                *pattern = match name.subpat.take() {
                    Some((_, inner)) => *inner,
                    None => syn::parse_quote!(_),
                };
            }
        }
        Pat::Tuple(tuple) => each(&mut tuple.elems),
        Pat::TupleStruct(tuple) => each(&mut tuple.elems),
        Pat::Slice(slice) => each(&mut slice.elems),
        Pat::Reference(reference) => names(&mut reference.pat, keep),
        Pat::Paren(inner) => names(&mut inner.pat, keep),
        Pat::Struct(fields) => {
            for field in &mut fields.fields {
                names(&mut field.pat, keep);
                // `Page { title }` is short for `Page { title: title }`; there is no `Page { _ }`.
                if matches!(*field.pat, Pat::Wild(_)) {
                    field.colon_token.get_or_insert_default();
                }
            }
        }
        _ => {}
    }
}

/// Returns a type as a `let` may say it: `impl Trait` is left to the compiler.
pub(crate) fn sayable(mut returned: Type) -> Type {
    leave_out_impl(&mut returned);
    returned
}

fn leave_out_impl(at: &mut Type) {
    match at {
        Type::ImplTrait(_) => *at = syn::parse_quote!(_),
        Type::Path(path) => {
            for segment in &mut path.path.segments {
                if let PathArguments::AngleBracketed(arguments) = &mut segment.arguments {
                    for argument in &mut arguments.args {
                        if let GenericArgument::Type(inner) = argument {
                            leave_out_impl(inner);
                        }
                    }
                }
            }
        }
        Type::Tuple(tuple) => tuple.elems.iter_mut().for_each(leave_out_impl),
        Type::Reference(reference) => leave_out_impl(&mut reference.elem),
        Type::Array(array) => leave_out_impl(&mut array.elem),
        Type::Slice(slice) => leave_out_impl(&mut slice.elem),
        Type::Paren(inner) => leave_out_impl(&mut inner.elem),
        Type::Group(inner) => leave_out_impl(&mut inner.elem),
        _ => {}
    }
}

/// Returns a name as it is read, without `r#`.
pub(crate) fn text(name: &Ident) -> String {
    name.unraw().to_string()
}
