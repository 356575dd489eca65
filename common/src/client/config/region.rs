//! The hosted service has an address in each region.

use std::fmt;

/// A region of the hosted service. A key is good in the region where it was made, and nowhere else.
///
/// ```
/// use common::client::{Client, Region};
///
/// let client = Client::builder().endpoint(Region::Eu).api_key("lsv2_pt_…").enabled(false).build()?;
/// assert_eq!(Region::Eu.endpoint(), "https://eu.api.smith.langchain.com");
/// # Ok::<(), common::client::ConfigError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Region {
    /// The United States, on Google Cloud. The default.
    #[default]
    Us,
    /// Europe.
    Eu,
    /// Asia and the Pacific.
    Apac,
    /// The United States, on Amazon's cloud.
    Aws,
}

impl Region {
    /// Every region.
    pub const ALL: [Self; 4] = [Self::Us, Self::Eu, Self::Apac, Self::Aws];

    /// Returns the region's address.
    pub fn endpoint(self) -> &'static str {
        match self {
            Self::Us => crate::export::DEFAULT_ENDPOINT,
            Self::Eu => "https://eu.api.smith.langchain.com",
            Self::Apac => "https://apac.api.smith.langchain.com",
            Self::Aws => "https://aws.api.smith.langchain.com",
        }
    }
}

impl From<Region> for String {
    fn from(region: Region) -> Self {
        region.endpoint().to_owned()
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.endpoint())
    }
}
