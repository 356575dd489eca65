//! The time between the head of a response and the last byte of its body.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::response::Parts;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::future::BodyPlan;
use super::streamed::{Streamed, is_there};
use crate::trace::{Ambient, Lasting, RunTree, why_dropped, with_run};

pin_project! {
    /// The body of a traced response. Made by [`TracingService`](super::TracingService).
    ///
    /// It is the service's own body: frames, trailers, size and end are what that says. A body that is made
    /// while it is sent keeps the run of its request open, and current in it, until its last byte has gone
    /// or the client has.
    pub struct TracedBody<B> {
        // None once it is being dropped: what it holds ends before the run does.
        #[pin]
        body: Option<B>,
        around: Around,
    }

    impl<B> PinnedDrop for TracedBody<B> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            match this.around {
                Around::Nothing => {}
                Around::Current(here) => here.call(|| this.body.set(None)),
                Around::Run(open) => {
                    let Open { lasting, streamed } = &mut **open;
                    lasting.give_up(
                        || this.body.set(None),
                        |run| streamed.break_off(run, why_dropped("response body")),
                    );
                }
            }
        }
    }
}

/// What is current while a body is read.
enum Around {
    Nothing,
    /// A run that others end.
    Current(Ambient),
    Run(Box<Open>),
}

/// A run that ends with the body.
struct Open {
    lasting: Lasting,
    streamed: Streamed,
}

impl<B: Body> TracedBody<B> {
    /// Passes a body on, with `current` around it.
    pub(super) fn passed_on(body: B, current: Option<&RunTree>) -> Self {
        let around = match current {
            Some(run) if !is_there(&body) => Around::Current(with_run(run, Ambient::current)),
            _ => Around::Nothing,
        };
        Self {
            body: Some(body),
            around,
        }
    }

    /// Ends `run` with a body, or here and now if it is there already.
    pub(super) fn ends(run: &RunTree, head: &Parts, body: B, plan: BodyPlan) -> Self {
        let mut streamed = Streamed::new(head, plan.keep);
        let is_sent = plan.is_sent && !Streamed::sends_none(head.status);
        // A server asks no body for anything whose head promises nothing.
        let around = if !is_sent || is_there(&body) || streamed.is_whole() {
            streamed.end_with_head(run);
            Around::Nothing
        } else {
            let lasting = Lasting::new(run);
            Around::Run(Box::new(Open { lasting, streamed }))
        };
        Self {
            body: Some(body),
            around,
        }
    }
}

impl<B: Body> Body for TracedBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let mut this = self.project();
        // Only a pinned drop takes the body out, and nobody polls after that.
        let Some(mut body) = this.body.as_mut().as_pin_mut() else {
            return Poll::Ready(None);
        };
        let Open { lasting, streamed } = match this.around {
            Around::Nothing => return body.poll_frame(cx),
            Around::Current(here) => return here.call(|| body.poll_frame(cx)),
            Around::Run(open) => &mut **open,
        };
        let polled = lasting.call(
            || body.as_mut().poll_frame(cx),
            |run| {
                let error = "Panicked: the response body panicked before its end";
                streamed.break_off(run, error.to_owned());
            },
        );
        match &polled {
            Poll::Ready(Some(Ok(frame))) => {
                if let (Some(data), Some(run)) = (frame.data_ref(), lasting.run()) {
                    streamed.take(run, data);
                }
                if let Some(trailers) = frame.trailers_ref() {
                    streamed.read(trailers);
                }
                // Then nobody polls for the end. Nothing comes behind trailers, and whoever sends by HTTP/2
                // drops the body with them.
                if frame.is_trailers() || streamed.is_whole() || body.is_end_stream() {
                    lasting.end(|run| streamed.end(run));
                }
            }
            // Nothing is known of the error's type, not even that it can be shown.
            Poll::Ready(Some(Err(_))) => lasting.end(|run| {
                let error = "BodyError: the response body failed before its end";
                streamed.break_off(run, error.to_owned());
            }),
            Poll::Ready(None) => lasting.end(|run| streamed.end(run)),
            Poll::Pending => {}
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        let body = self.body.as_ref();
        body.map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}

/// The body of an answer that another layer makes up.
impl<B: Default> Default for TracedBody<B> {
    fn default() -> Self {
        Self {
            body: Some(B::default()),
            around: Around::Nothing,
        }
    }
}

impl<B: fmt::Debug> fmt::Debug for TracedBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TracedBody").field(&self.body).finish()
    }
}
