//! What leaves of a secret in each field, with each way to mask: the whole matrix.
#![cfg(feature = "lab")]

use common::lab::canaries::{CanaryMatrix, Exit, Fate, Mask, Plant, prove, prove_all, prove_mask};
use common::trace::{Anonymizer, Field};

#[tokio::test]
async fn the_matrix_is_exactly_this() {
    let matrix = prove_all().await.expect("proved");
    for proof in matrix.proofs() {
        assert_eq!(
            proof.table().to_string().lines().count(),
            2 + Plant::ALL.len()
        );
    }
    assert_eq!(
        matrix.to_string().trim_end(),
        include_str!("canary_matrix.txt").trim_end()
    );
}

#[tokio::test]
async fn unmasked_the_secrets_leave_by_every_way_that_there_is_for_them() {
    let proof = prove_mask(Mask::None).await.expect("proved");
    for (exit, bytes) in proof.bytes() {
        // Who records without trouble logs nothing.
        assert!(*exit == Exit::Log || *bytes > 100, "nothing left by {exit}");
    }
    let on_disk_and_wire = [
        Plant::Inputs,
        Plant::Outputs,
        Plant::Error,
        Plant::FeedbackComment,
    ];
    for plant in on_disk_and_wire {
        assert_eq!(
            proof.fate(plant),
            &Fate::Left(vec![Exit::Wire, Exit::Spool]),
            "{plant}"
        );
    }
    let Fate::Left(exits) = proof.fate(Plant::InheritedMetadata) else {
        panic!("baggage carries it");
    };
    assert!(exits.contains(&Exit::Headers), "{exits:?}");
}

#[tokio::test]
async fn the_clients_key_leaves_by_no_way_but_its_own_header() {
    for mask in Mask::ALL {
        let proof = prove_mask(mask).await.expect("proved");
        assert_eq!(proof.fate(Plant::ApiKey), &Fate::NotThere, "{mask}");
    }
}

#[tokio::test]
async fn a_client_that_keeps_no_trace_proves_nothing() {
    let off = prove("off", |client| client.enabled(false)).await;
    assert!(off.is_err(), "{off:?}");
    let none = prove("no trace", |client| client.sampling_rate(0.0)).await;
    assert!(none.is_err(), "{none:?}");
}

#[test]
fn an_empty_matrix_has_a_row_for_each_field() {
    let matrix = CanaryMatrix::new([]);
    assert_eq!(matrix.rows().len(), Plant::ALL.len());
    assert!(matrix.chart().is_light());
}

#[tokio::test]
async fn a_way_of_ones_own_stands_beside_the_others_and_names_its_leaks() {
    let masks = Anonymizer::builder().secrets().leave(Field::Tags).build();
    let masks = masks.expect("no pattern");
    let own = prove("all but tags", |client| client.anonymizer(masks)).await;
    let own = own.expect("proved");
    let left: Vec<Plant> = own.leaks().into_iter().map(|(plant, _)| plant).collect();
    assert_eq!(left, [Plant::Tag, Plant::AttachmentContent, Plant::Project]);
    let matrix = CanaryMatrix::new([own]);
    assert!(matrix.to_string().contains("all but tags"), "{matrix}");
}
