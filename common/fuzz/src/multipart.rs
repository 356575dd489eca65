//! The stand-in's own decoder of `POST /runs/multipart`.

use crate::{request, stand_in};

/// Sends the data, header lines and body, as a multipart request. It is taken or refused in words, within
/// bounds of memory however it is compressed, and what is stored is whole.
pub fn multipart(data: &[u8]) {
    stand_in::send_to_both(&request::read(data, "/runs/multipart"));
}
