//! Function and options → the function with its body inside of a run.

use proc_macro_crate::FoundCrate;
use proc_macro2::{Ident, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned as _;
use syn::{Error, Result};

use crate::function::{Function, names, sayable, text};
use crate::options::Options;

/// Expands the attribute. After an error the function stays as it was, so that the error is the only one.
pub(crate) fn expand(options: TokenStream, item: &TokenStream) -> TokenStream {
    let expanded = syn::parse2(item.clone())
        .and_then(|function| Ok((syn::parse2(options)?, function)))
        .and_then(|(options, function)| Expansion::new(&options, &function)?.function());
    expanded.unwrap_or_else(|error| {
        let error = error.to_compile_error();
        quote!(#error #item)
    })
}

struct Expansion<'a> {
    options: &'a Options,
    function: &'a Function,
    private: TokenStream,
    // Names that no code of the caller's can see.
    call: Ident,
    traced: Ident,
    returned: Ident,
}

impl<'a> Expansion<'a> {
    fn new(options: &'a Options, function: &'a Function) -> Result<Self> {
        let bound = || {
            function
                .arguments
                .iter()
                .flat_map(|argument| &argument.binds)
        };
        for skipped in &options.skip {
            if !bound().any(|name| name == skipped) {
                let unknown = format!("`{skipped}` is no argument of this function");
                return Err(Error::new(skipped.span(), unknown));
            }
        }
        let krate = match &options.krate {
            Some(path) => quote!(#path),
            None => find_crate(),
        };
        let name = |name| Ident::new(name, Span::mixed_site());
        Ok(Self {
            options,
            function,
            private: quote!(#krate::__private),
            call: name("__call"),
            traced: name("__traced"),
            returned: name("__returned"),
        })
    }

    fn function(&self) -> Result<TokenStream> {
        let Function {
            attributes, before, ..
        } = self.function;
        let asynchronous = self.function.signature.asyncness.is_some();
        let future = (!asynchronous).then(|| self.function.future()).flatten();
        let (head, body) = match future {
            Some(future) => {
                let begin = self.begin();
                let block = &future.block;
                let capture = &block.capture;
                let stmts = &block.block.stmts;
                let output = sayable(future.output.clone());
                let work = quote!(async #capture { #(#stmts)* });
                let awaited = self.awaited(&work, &quote!(#output));
                let end = self.end(future.output.span());
                let returned = &self.returned;
                let traced = quote!(async #capture { #begin #awaited #end #returned });
                let pinned = future.pin.map(|pin| quote!(#pin(#traced)));
                (self.function.signature.clone(), pinned.unwrap_or(traced))
            }
            None if asynchronous => (self.function.head(), self.asynchronous()),
            None => (self.function.head(), self.synchronous()),
        };
        Ok(quote!(#(#attributes)* #before #head { #body }))
    }

    fn synchronous(&self) -> TokenStream {
        let Self {
            traced, returned, ..
        } = self;
        let (begin, moved, body) = (self.begin(), self.moved(), &self.function.body);
        let Some(output) = self.function.returned() else {
            return quote! {
                #begin
                match #traced.call::<::core::convert::Infallible>(move || { #moved #body }) {}
            };
        };
        let end = self.end(output.span());
        let output = sayable(output);
        quote! {
            #begin
            let #returned: #output = #traced.call(move || -> #output {
                #moved
                // The temporaries of the last expression go before the arguments, as they do in a function.
                #[allow(clippy::let_unit_value, clippy::diverging_sub_expression)]
                let #returned: #output = #body;
                #[allow(unreachable_code)]
                #returned
            });
            #end
            #returned
        }
    }

    fn asynchronous(&self) -> TokenStream {
        let (begin, moved, body) = (self.begin(), self.moved(), &self.function.body);
        let returned = &self.returned;
        let declared = self.function.returned();
        let span = declared
            .as_ref()
            .map_or_else(Span::call_site, syn::spanned::Spanned::span);
        let output = match declared {
            Some(output) => {
                let output = sayable(output);
                quote!(#output)
            }
            None => quote!(::core::convert::Infallible),
        };
        let work = quote! {
            async move {
                #moved
                // It tells the type that `?` and `return` give back, and is never taken.
                if let ::core::option::Option::Some(#returned) =
                    ::core::option::Option::None::<#output>
                {
                    return #returned;
                }
                #[allow(clippy::let_unit_value, clippy::diverging_sub_expression)]
                let #returned: #output = #body;
                #[allow(unreachable_code)]
                #returned
            }
        };
        let awaited = self.awaited(&work, &output);
        if self.function.returned().is_none() {
            return quote!(#begin #awaited match #returned {});
        }
        let end = self.end(span);
        quote!(#begin #awaited #end #returned)
    }

    fn awaited(&self, work: &TokenStream, output: &TokenStream) -> TokenStream {
        let Self {
            traced, returned, ..
        } = self;
        quote!(let #returned: #output = #traced.poll(#work).await;)
    }

    /// Moves the arguments into the body, so that they are dropped there in the order of a function's.
    fn moved(&self) -> TokenStream {
        let arguments = self.function.arguments.iter().map(|argument| {
            let (outer, pattern) = (&argument.outer, &argument.pattern);
            if argument.is_taken_apart {
                // What the pattern leaves stays in `outer`, as in a function.
                quote! {
                    let #outer = #outer;
                    let #pattern = #outer;
                }
            } else {
                quote! {
                    // It may be there for the attribute alone.
                    #[allow(unused_variables, clippy::redundant_locals)]
                    let #pattern = #outer;
                }
            }
        });
        let receiver = self.function.owns_self().then(|| quote!(let _ = &self;));
        quote!(#receiver #(#arguments)*)
    }

    /// Starts the run, if there is to be one.
    fn begin(&self) -> TokenStream {
        let Self {
            options,
            private,
            call,
            traced,
            ..
        } = self;
        let own_name = text(&self.function.signature.ident);
        let name = match &options.name {
            Some(name) => quote!(#name),
            None => quote!(#own_name),
        };
        let option = |given: &Option<TokenStream>| match given {
            Some(given) => quote!(::core::option::Option::Some(#given)),
            None => quote!(::core::option::Option::None),
        };
        let tracer = option(
            &options
                .tracer
                .as_ref()
                .map(|tracer| quote_spanned!(tracer.span()=> #private::tracer(&(#tracer)))),
        );
        let enabled = option(&options.enabled.as_ref().map(|enabled| quote!(#enabled)));
        let parent =
            option(&options.parent.as_ref().map(
                |parent| quote_spanned!(parent.span()=> ::core::convert::Into::into(#parent)),
            ));
        let describe = self.describe();
        let inputs = self.inputs();
        let hook = options.process_inputs.as_ref();
        let hook = hook.map(|hook| {
            let process = quote_spanned!(hook.span()=> process_inputs(#hook));
            quote!(let #call = #call.#process;)
        });
        quote! {
            let #traced = match #private::begin(|| #name, #tracer, #enabled, #parent) {
                ::core::result::Result::Ok(#call) => {
                    #(let #call = #call.#describe;)*
                    #(#inputs)*
                    #hook
                    #call.start()
                }
                ::core::result::Result::Err(#traced) => #traced,
            };
        }
    }

    fn describe(&self) -> Vec<TokenStream> {
        let options = self.options;
        let mut describe = Vec::new();
        if let Some(run_type) = &options.run_type {
            describe.push(quote_spanned!(run_type.span()=> run_type(#run_type)));
        }
        if let Some(project) = &options.project {
            describe.push(quote_spanned!(project.span()=> project(#project)));
        }
        for tag in &options.tags {
            describe.push(quote_spanned!(tag.span()=> tag(#tag)));
        }
        for (key, value) in &options.metadata {
            describe.push(quote_spanned!(value.span()=> metadata(#key, &(#value))));
        }
        describe
    }

    fn inputs(&self) -> Vec<TokenStream> {
        let call = &self.call;
        let recorded = |name: &Ident| !self.options.skip_all && !self.options.skip.contains(name);
        let mut inputs = Vec::new();
        for argument in &self.function.arguments {
            let mut each = Vec::new();
            let mut pattern = argument.pattern.clone();
            names(&mut pattern, &mut |name| {
                let keep = recorded(name);
                if keep {
                    each.push(name.clone());
                }
                keep
            });
            if each.is_empty() {
                continue;
            }
            let keys = each.iter().map(text);
            let outer = &argument.outer;
            inputs.push(if argument.is_taken_apart {
                quote!(let #call = match &#outer { #pattern => #call #(.input(#keys, #each))* };)
            } else {
                let value = quote_spanned!(outer.span()=> &#outer);
                quote!(let #call = #call #(.input(#keys, #value))*;)
            });
        }
        inputs
    }

    /// Ends the run with what the function gave back. `span` is where the type is written.
    fn end(&self, span: Span) -> TokenStream {
        let Self {
            options,
            private,
            traced,
            returned,
            ..
        } = self;
        // The compiler blames the receiver for what the type lacks.
        let probe = Ident::new("__probe", Span::mixed_site().located_at(span));
        let error = Ident::new(
            if options.err_debug {
                "error_debug"
            } else {
                "error"
            },
            span,
        );
        let error = quote_spanned!(span=> (&#probe).#error());
        let outputs = quote_spanned!(span=> (&#probe).outputs());
        let end = match (&options.process_outputs, options.skip_output) {
            (Some(hook), _) => {
                quote_spanned!(hook.span()=> #traced.end_processed(#outputs, #hook))
            }
            (None, true) => quote!(#traced.end()),
            (None, false) => quote!(#traced.end_with(#outputs)),
        };
        quote! {
            if #traced.is_recording() {
                #[allow(unused_imports)]
                use #private::{OfResult as _, OfValue as _};
                let #probe = #private::Returned(&#returned);
                match #error {
                    ::core::option::Option::Some(error) => #traced.fail(&error),
                    ::core::option::Option::None => #end,
                }
            }
        }
    }
}

/// Returns the path of the crate `common` under the name that the caller's manifest gives it.
fn find_crate() -> TokenStream {
    let name = match proc_macro_crate::crate_name("common") {
        Ok(FoundCrate::Name(name)) => name,
        // The crate itself goes by its name too. A notebook's cell has no manifest that names it.
        Ok(FoundCrate::Itself) | Err(_) => "common".to_owned(),
    };
    let name = Ident::new(&name, Span::call_site());
    quote!(::#name)
}
