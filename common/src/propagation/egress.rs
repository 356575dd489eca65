//! Who may see our contexts.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The hosts that a run's context may be sent to: nobody, until they are named.
///
/// A context holds ids, metadata, tags and the project. Sent along with a call of a model provider or
/// any other third party, they leave the house; so whoever writes headers for many hosts asks first.
/// Clones share their counters.
///
/// ```
/// use common::propagation::Egress;
///
/// let ours = Egress::to(["retriever", "*.svc.cluster.local", "tools.example.com:8443"]);
/// assert!(ours.allows("retriever", Some(8080)));
/// assert!(ours.allows("rank.svc.cluster.local.", None));
/// assert!(!ours.allows("svc.cluster.local.attacker.example", None));
/// assert!(!ours.allows("tools.example.com", Some(443)));
/// ```
#[derive(Clone, Default)]
pub struct Egress {
    rule: Rule,
    counting: Arc<Counting>,
}

#[derive(Debug, Clone)]
enum Rule {
    Only(Vec<Host>),
    Anywhere,
}

impl Default for Rule {
    fn default() -> Self {
        Self::Only(Vec::new())
    }
}

/// One entry of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Host {
    // Lower case, without the brackets of an IPv6 address and without a dot at the end.
    name: String,
    // The name stands for everything below it, and not for itself.
    below: bool,
    port: Option<u16>,
}

#[derive(Debug, Default)]
struct Counting {
    sent: AtomicU64,
    withheld: AtomicU64,
}

/// What an [`Egress`] decided so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct EgressCounters {
    /// Requests to hosts on the list.
    pub sent: u64,
    /// Requests to other hosts: any header of ours was taken out of them.
    pub withheld: u64,
}

impl Egress {
    /// Names the hosts: `name`, `name:port`, or `*.suffix` for everything below a name. An address in
    /// numbers is a name like any other.
    pub fn to(hosts: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        Self {
            rule: Rule::Only(
                hosts
                    .into_iter()
                    .map(|host| Host::read(host.as_ref()))
                    .collect(),
            ),
            counting: Arc::default(),
        }
    }

    /// Allows this machine only: `localhost` and the loopback addresses.
    pub fn loopback() -> Self {
        Self::to(["localhost", "*.localhost", "127.0.0.1", "::1"])
    }

    /// Allows every host. Only for programs all of whose calls stay in the house.
    pub fn anywhere() -> Self {
        Self {
            rule: Rule::Anywhere,
            counting: Arc::default(),
        }
    }

    /// Returns true if a context may go to this host.
    pub fn allows(&self, host: &str, port: Option<u16>) -> bool {
        match &self.rule {
            Rule::Anywhere => true,
            Rule::Only(hosts) => {
                let name = bare(host);
                hosts.iter().any(|host| host.covers(&name, port))
            }
        }
    }

    /// Decides as [`allows`](Self::allows), and counts. A request without a host goes nowhere we know.
    pub fn decide(&self, host: Option<&str>, port: Option<u16>) -> bool {
        let allowed = host.is_some_and(|host| self.allows(host, port));
        let counter = if allowed {
            &self.counting.sent
        } else {
            &self.counting.withheld
        };
        if counter.fetch_add(1, Ordering::Relaxed) == 0 && !allowed {
            tracing::info!(
                host = host.unwrap_or("none"),
                "a request goes to a host that is not on the egress list, so no context goes with it \
                 (logged once, counted as `withheld`)"
            );
        }
        allowed
    }

    /// Returns what was decided so far.
    pub fn counters(&self) -> EgressCounters {
        EgressCounters {
            sent: self.counting.sent.load(Ordering::Relaxed),
            withheld: self.counting.withheld.load(Ordering::Relaxed),
        }
    }
}

impl Host {
    fn read(text: &str) -> Self {
        let text = text.trim();
        let (text, below) = match text.strip_prefix("*.") {
            Some(rest) => (rest, true),
            None => (text, false),
        };
        // More than one colon is an IPv6 address, unless brackets set the port apart.
        let port = text.rsplit_once(':').filter(|(name, _)| {
            !name.contains(':') || (name.starts_with('[') && name.ends_with(']'))
        });
        let port = port.and_then(|(name, port)| Some((name, port.parse().ok()?)));
        let (name, port) = match port {
            Some((name, port)) => (name, Some(port)),
            None => (text, None),
        };
        Self {
            name: bare(name),
            below,
            port,
        }
    }

    fn covers(&self, name: &str, port: Option<u16>) -> bool {
        let named = if self.below {
            let above = name
                .strip_suffix(&self.name)
                .and_then(|rest| rest.strip_suffix('.'));
            above.is_some_and(|rest| !rest.is_empty())
        } else {
            name == self.name
        };
        named && !self.name.is_empty() && (self.port.is_none() || self.port == port)
    }
}

/// Returns a host's name in the form in which names are compared.
fn bare(host: &str) -> String {
    let host = host.strip_prefix('[').unwrap_or(host);
    let host = host.strip_suffix(']').unwrap_or(host);
    host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase()
}

impl fmt::Debug for Egress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Egress({:?}, {:?})", self.rule, self.counters())
    }
}
