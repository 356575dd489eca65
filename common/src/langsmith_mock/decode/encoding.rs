//! Decompression with a limit on what comes out.

use std::io::{self, Read};

use bytes::Bytes;
use http::StatusCode;

use super::Refusal;
use crate::langsmith_mock::violation::ViolationCode;

/// Undoes the `Content-Encoding`.
///
/// A kilobyte can decompress to gigabytes, so reading stops one byte past `limit`. Several gzip
/// members or zstd frames in a row are one body, with or without their sizes stated.
pub(in crate::langsmith_mock) fn decompress(
    encoding: Option<&str>,
    body: Bytes,
    limit: usize,
) -> Result<Bytes, Refusal> {
    if body.len() > limit {
        return Err(Refusal::too_large(limit));
    }
    let named = encoding.unwrap_or("identity").trim();
    if named.is_empty() || named.eq_ignore_ascii_case("identity") {
        return Ok(body);
    }
    let plain = if named.eq_ignore_ascii_case("gzip") {
        read_within(flate2::read::MultiGzDecoder::new(&*body), limit)
    } else if named.eq_ignore_ascii_case("zstd") {
        // The decoder refuses windows over 128 MiB by itself: memory stays bounded.
        zstd::stream::read::Decoder::with_buffer(&*body)
            .and_then(|decoder| read_within(decoder, limit))
    } else {
        return Err(Refusal::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            ViolationCode::EncodingUnknown,
            format!("Content-Encoding {named:?} is neither identity, gzip nor zstd"),
        ));
    };
    match plain {
        Ok(Some(plain)) => Ok(plain.into()),
        Ok(None) => Err(Refusal::too_large(limit)),
        Err(error) => Err(Refusal::new(
            StatusCode::BAD_REQUEST,
            ViolationCode::BodyUnreadable,
            format!("the body is no {named}: {error}"),
        )),
    }
}

fn read_within(reader: impl Read, limit: usize) -> io::Result<Option<Vec<u8>>> {
    let mut plain = Vec::new();
    let past = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    reader.take(past).read_to_end(&mut plain)?;
    Ok((plain.len() <= limit).then_some(plain))
}
