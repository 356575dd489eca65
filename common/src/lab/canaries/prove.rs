//! What left of each secret.

use std::fmt;
use std::time::Duration;

use super::exits::{Ear, Exit, Left};
use super::mask::Mask;
use super::matrix::CanaryMatrix;
use super::plant::Plant;
use super::planting;
use crate::analysis::Table;
use crate::client::{ClientBuilder, ConfigError};
use crate::export::{BatchConfig, FlushError, SpoolConfig};
use crate::lab::{ScratchFolder, Tap};
use crate::middleware::TraceRequestExt as _;

/// How long delivering may take; loopback takes milliseconds.
const PATIENCE: Duration = Duration::from_secs(30);

/// What became of a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// It left, by these ways.
    Left(Vec<Exit>),
    /// The text it stood in left, without it.
    Masked,
    /// Nothing of the text it stood in left.
    NotThere,
}

impl fmt::Display for Fate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Left(_) => "LEFT",
            Self::Masked => "masked",
            Self::NotThere => "–",
        })
    }
}

/// Why nothing could be proved.
#[derive(Debug, thiserror::Error)]
pub enum CanaryError {
    /// The client cannot be set up like that.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Not everything was delivered, so that not everything was looked at.
    #[error("not everything left, so not everything was looked at: {0}")]
    Flush(#[from] FlushError),
    /// The other service could not be called.
    #[error("the call of another service failed: {0}")]
    Call(#[from] reqwest::Error),
    /// The feedback could not be given.
    #[error("no feedback could be given: {0}")]
    Feedback(#[from] crate::client::AskError),
    /// The files of the spool could not be read.
    #[error("the spool could not be read: {0}")]
    Spool(#[from] std::io::Error),
    /// The client records nothing, so nothing is proved.
    #[error("the client records nothing: let it be enabled, and keep every trace")]
    Nothing,
}

/// What left of every secret, with one way to mask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    name: String,
    fates: Vec<(Plant, Fate)>,
    bytes: Vec<(Exit, usize)>,
}

impl Proof {
    /// Returns the name of the way to mask.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns what became of a secret.
    pub fn fate(&self, plant: Plant) -> &Fate {
        let found = self.fates.iter().find(|(known, _)| *known == plant);
        found.map_or(&Fate::NotThere, |(_, fate)| fate)
    }

    /// Returns the secrets that left, and by which ways.
    pub fn leaks(&self) -> Vec<(Plant, Vec<Exit>)> {
        let leaks = self.fates.iter().filter_map(|(plant, fate)| match fate {
            Fate::Left(exits) => Some((*plant, exits.clone())),
            Fate::Masked | Fate::NotThere => None,
        });
        leaks.collect()
    }

    /// Returns how many bytes were looked at, by way.
    pub fn bytes(&self) -> &[(Exit, usize)] {
        &self.bytes
    }

    /// Lists by which way each secret left: the matrix of fields and ways out.
    pub fn table(&self) -> Table {
        let head = std::iter::once(self.name.clone()).chain(Exit::ALL.map(|exit| exit.to_string()));
        self.fates
            .iter()
            .fold(Table::new(head), |table, (plant, fate)| {
                let cells = Exit::ALL.map(|exit| match fate {
                    Fate::Left(exits) if exits.contains(&exit) => "LEFT".to_owned(),
                    _ => "·".to_owned(),
                });
                table.row(std::iter::once(plant.to_string()).chain(cells))
            })
    }
}

/// Plants a secret in every field, sends all with a client that `mask` has set up, and tells what of it left.
///
/// `mask` is given a client that sends to an endpoint of the prover's and keeps everything on disk until then; it adds
/// what is to be proved, and leaves endpoint, key, project and spool as they are.
///
/// ```
/// use common::lab::canaries::{Plant, prove};
/// use common::trace::{Anonymizer, Field};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let masks = Anonymizer::builder().secrets().leave(Field::Tags).build()?;
/// let proof = prove("all but tags", |client| client.anonymizer(masks)).await?;
/// let left: Vec<Plant> = proof.leaks().into_iter().map(|(plant, _)| plant).collect();
/// assert!(left.contains(&Plant::Tag) && !left.contains(&Plant::Inputs));
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// If the client cannot be made, or not everything could be looked at.
pub async fn prove(
    name: impl Into<String>,
    mask: impl FnOnce(ClientBuilder) -> ClientBuilder,
) -> Result<Proof, CanaryError> {
    let (tap, folder) = (Tap::start(), ScratchFolder::new("canaries"));
    let batch = BatchConfig {
        // What is held until the end can be looked at on disk.
        linger: PATIENCE * 10,
        compress: false,
        spool: Some(SpoolConfig::new(folder.path()).durable()),
        ..BatchConfig::default()
    };
    let builder = mask(planting::client(&tap.url("")).batch(batch));
    let mut left = Left::default();
    left.add(Exit::Debug, format!("{builder:?}").as_bytes());
    let client = builder.build()?;
    let ear = Ear::default();
    let run = tracing::subscriber::with_default(ear.clone(), || planting::runs(&client));
    let recorded = planting::feedback(&run).filter(|_| run.is_recording());
    let feedback = recorded.ok_or(CanaryError::Nothing)?;
    left.add(
        Exit::Debug,
        format!("{client:?}{run:?}{:?}", run.context()).as_bytes(),
    );
    let call = crate::lab::http_client().get(tap.url(OTHER_SERVICE));
    call.trace(&run).send().await?;
    client.create_feedback(feedback).await?;
    tracing::subscriber::with_default(ear.clone(), || run.end());
    left.add_files(Exit::Spool, folder.path())?;
    client.flush_async(PATIENCE).await?;
    let books = client.stats();
    left.add(Exit::Debug, format!("{books}{books:?}").as_bytes());
    left.add(Exit::Log, ear.heard().as_bytes());
    let key = Plant::ApiKey.secret();
    for one in tap.all() {
        let exit = match one.path == OTHER_SERVICE {
            true => Exit::Headers,
            false => Exit::Wire,
        };
        left.add_request(exit, &one, &key);
    }
    let fate = |plant: Plant| match left.secret(plant) {
        exits if !exits.is_empty() => Fate::Left(exits),
        _ if left.beside(plant) => Fate::Masked,
        _ => Fate::NotThere,
    };
    Ok(Proof {
        name: name.into(),
        fates: Plant::ALL.map(|plant| (plant, fate(plant))).into(),
        bytes: Exit::ALL.map(|exit| (exit, left.bytes(exit))).into(),
    })
}

/// Proves one of the ways to mask.
///
/// # Errors
/// As [`prove`].
pub async fn prove_mask(mask: Mask) -> Result<Proof, CanaryError> {
    prove(mask.as_str(), |client| mask.apply(client)).await
}

/// Proves every way to mask: the matrix of fields and ways.
///
/// # Errors
/// As [`prove`].
pub async fn prove_all() -> Result<CanaryMatrix, CanaryError> {
    let mut proofs = Vec::with_capacity(Mask::ALL.len());
    for mask in Mask::ALL {
        proofs.push(prove_mask(mask).await?);
    }
    Ok(CanaryMatrix::new(proofs))
}

/// The path of the other service that is called.
const OTHER_SERVICE: &str = "/retriever";
