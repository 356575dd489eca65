//! Fields and ways to mask, side by side.

use std::fmt;

use super::plant::Plant;
use super::prove::{Fate, Proof};
use crate::analysis::{Figure, Table, bar_chart};

/// What left of every secret, with each way to mask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CanaryMatrix {
    proofs: Vec<Proof>,
}

impl CanaryMatrix {
    /// Puts proofs side by side, in their order; those of ways of one's own among them.
    pub fn new(proofs: impl IntoIterator<Item = Proof>) -> Self {
        Self {
            proofs: proofs.into_iter().collect(),
        }
    }

    /// Returns the proofs.
    pub fn proofs(&self) -> &[Proof] {
        &self.proofs
    }

    /// Lists what became of each field's secret: `LEFT`, `masked`, or `–` for a field of which nothing left.
    pub fn table(&self) -> Table {
        let names = self.proofs.iter().map(|proof| proof.name().to_owned());
        let head = Table::new(std::iter::once("field".to_owned()).chain(names));
        Plant::ALL.iter().fold(head, |table, plant| {
            let fates = self
                .proofs
                .iter()
                .map(|proof| proof.fate(*plant).to_string());
            table.row(std::iter::once(plant.to_string()).chain(fates))
        })
    }

    /// Draws how many of the secrets left with each way to mask.
    pub fn chart(&self) -> Figure {
        let left = |proof: &Proof| proof.leaks().len() as f64;
        let bars = self
            .proofs
            .iter()
            .map(|proof| (proof.name().to_owned(), left(proof)));
        bar_chart("how it is masked", "secrets that left", bars)
    }

    /// Returns what became of every secret, a row for each field.
    pub fn rows(&self) -> Vec<(Plant, Vec<Fate>)> {
        let row = |plant: &Plant| {
            let fates = self.proofs.iter().map(|proof| proof.fate(*plant).clone());
            (*plant, fates.collect())
        };
        Plant::ALL.iter().map(row).collect()
    }
}

impl fmt::Display for CanaryMatrix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.table().fmt(f)
    }
}
