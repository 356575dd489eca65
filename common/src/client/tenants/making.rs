//! A client that is being made, without a lock on the others.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::ThreadId;

use super::exit::Exit;
use super::{Slot, Tenant, TenantError, Tenants};
use crate::client::Client;

/// What those wait for who ask for the same tenant.
#[derive(Debug)]
pub(super) struct Making {
    by: ThreadId,
    made: Mutex<Made>,
    changed: Condvar,
}

#[derive(Debug, Default)]
enum Made {
    #[default]
    NotYet,
    Is(Result<Client, TenantError>),
    /// The function panicked.
    Never,
}

impl Default for Making {
    fn default() -> Self {
        Self {
            by: std::thread::current().id(),
            made: Mutex::default(),
            changed: Condvar::new(),
        }
    }
}

impl Making {
    /// Waits until the client is made, or cannot be; none if nothing came of it.
    pub(super) fn wait(&self) -> Option<Result<Client, TenantError>> {
        if self.by == std::thread::current().id() {
            return Some(Err(TenantError::Making));
        }
        let made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        let is_open = |made: &mut Made| matches!(made, Made::NotYet);
        let made = self.changed.wait_while(made, is_open);
        match &*made.unwrap_or_else(PoisonError::into_inner) {
            Made::Is(made) => Some(made.clone()),
            Made::NotYet | Made::Never => None,
        }
    }

    fn tell(&self, made: Made) {
        *self.made.lock().unwrap_or_else(PoisonError::into_inner) = made;
        self.changed.notify_all();
    }
}

/// The making of one client. However it ends, nobody waits for it any more.
pub(super) struct Attempt<'a> {
    tenants: &'a Tenants,
    tenant: &'a str,
    making: Arc<Making>,
    is_over: bool,
}

impl<'a> Attempt<'a> {
    pub(super) fn begin(tenants: &'a Tenants, tenant: &'a str, making: Arc<Making>) -> Self {
        Self {
            tenants,
            tenant,
            making,
            is_over: false,
        }
    }

    /// Puts the client in its place. If that was closed meanwhile, so is the client.
    pub(super) fn end(mut self, made: Result<Client, TenantError>) -> Result<Client, TenantError> {
        let known = made.as_ref().ok().map(Tenant::new);
        self.is_over = true;
        let leaving = self.settle(known);
        self.making.tell(Made::Is(made.clone()));
        if let Some(going) = leaving {
            Exit::leave(&self.tenants.exit, &going, self.tenants.close);
        }
        made
    }

    /// Replaces what stands for the client; returns the client if it has no place any more.
    fn settle(&self, known: Option<Tenant>) -> Option<Arc<super::Going>> {
        let mut open = self.tenants.lock();
        let has_place = open.get(self.tenant).is_some_and(
            |slot| matches!(slot, Slot::Making(other) if Arc::ptr_eq(other, &self.making)),
        );
        match (known, has_place) {
            (Some(known), true) => {
                open.insert(self.tenant.to_owned(), Slot::Open(known));
                None
            }
            (Some(known), false) => Some(self.tenants.exit.begin(self.tenant, known.client)),
            (None, true) => {
                open.remove(self.tenant);
                None
            }
            (None, false) => None,
        }
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        if !self.is_over {
            self.settle(None);
            self.making.tell(Made::Never);
        }
    }
}
