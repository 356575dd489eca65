//! What goes to a server, as it goes.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use rmcp::RoleClient;
use rmcp::model::{ClientRequest, JsonRpcMessage};
use rmcp::service::{RxJsonRpcMessage, TxJsonRpcMessage};
use rmcp::transport::Transport;
use serde_json::Value;

/// The last call of a tool that went out.
#[derive(Debug, Clone, Default)]
pub(super) struct LastCall(Arc<Mutex<Option<Value>>>);

impl LastCall {
    pub(super) fn get(&self) -> Option<Value> {
        let last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        last.clone()
    }

    fn keep(&self, message: &TxJsonRpcMessage<RoleClient>) {
        let JsonRpcMessage::Request(sent) = message else {
            return;
        };
        if matches!(sent.request, ClientRequest::CallToolRequest(_)) {
            let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            // Whatever cannot be written does not go out either.
            *last = serde_json::to_value(message).ok();
        }
    }
}

/// A transport, and what was sent through it last. rmcp puts its own entries into `_meta` on the way, so only
/// here is all of it.
pub(super) struct Overheard<T> {
    transport: T,
    last: LastCall,
}

impl<T> Overheard<T> {
    pub(super) fn new(transport: T, last: &LastCall) -> Self {
        Self {
            transport,
            last: last.clone(),
        }
    }
}

impl<T: Transport<RoleClient>> Transport<RoleClient> for Overheard<T> {
    type Error = T::Error;

    fn send(
        &mut self,
        item: TxJsonRpcMessage<RoleClient>,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send + 'static {
        self.last.keep(&item);
        self.transport.send(item)
    }

    fn receive(&mut self) -> impl Future<Output = Option<RxJsonRpcMessage<RoleClient>>> + Send {
        self.transport.receive()
    }

    fn close(&mut self) -> impl Future<Output = Result<(), Self::Error>> + Send {
        self.transport.close()
    }
}
