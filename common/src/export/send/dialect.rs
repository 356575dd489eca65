//! What was learned of how a server wants to be spoken to.

use super::route::Form;
use crate::export::config::{BatchConfig, Delivery};
use crate::export::endpoint::ServerInfo;

/// The first version of LangSmith that takes feedback among the runs.
const FEEDBACK_AS_PART: [u64; 3] = [0, 8, 10];

/// How a server wants its runs. Until it says so: multipart, uncompressed.
#[derive(Debug, Clone, Copy)]
pub(in crate::export) struct Dialect {
    pub(super) form: Form,
    pub(super) feedback_as_part: bool,
    pub(super) compress: bool,
}

impl Dialect {
    pub(super) fn new(delivery: Delivery) -> Self {
        Self {
            form: match delivery {
                Delivery::Batched => Form::Multipart,
                Delivery::Unbatched => Form::One,
            },
            feedback_as_part: false,
            compress: false,
        }
    }

    /// Takes over what the server says of itself.
    pub(in crate::export) fn learn(&mut self, info: &ServerInfo, config: &BatchConfig) {
        self.compress = config.compress && info.instance_flags.zstd_compression_enabled;
        self.feedback_as_part = info.is_at_least(FEEDBACK_AS_PART);
        let batch = info.batch_ingest_config.as_ref();
        if batch.and_then(|batch| batch.use_multipart_endpoint) == Some(false) {
            self.form = Form::Json;
        }
    }
}
