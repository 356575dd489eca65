//! Names, which are nearly always short.

use std::fmt;
use std::ops::Deref;

/// How many bytes have room in place of a `String`.
const ROOM: usize = 22;

/// A text that is kept in place if it is short. Then it takes no memory of its own that one thread asks
/// for and another gives back, which an allocator is slow at.
#[derive(Clone)]
pub(crate) struct ShortText(Repr);

#[derive(Clone)]
enum Repr {
    Short(u8, [u8; ROOM]),
    Long(String),
}

impl From<String> for ShortText {
    fn from(text: String) -> Self {
        Self(short(&text).unwrap_or(Repr::Long(text)))
    }
}

impl From<&str> for ShortText {
    fn from(text: &str) -> Self {
        Self(short(text).unwrap_or_else(|| Repr::Long(text.to_owned())))
    }
}

fn short(text: &str) -> Option<Repr> {
    let mut room = [0; ROOM];
    let place = room.get_mut(..text.len())?;
    place.copy_from_slice(text.as_bytes());
    Some(Repr::Short(text.len() as u8, room))
}

impl From<ShortText> for String {
    fn from(text: ShortText) -> Self {
        match text.0 {
            Repr::Short(..) => (*text).to_owned(),
            Repr::Long(long) => long,
        }
    }
}

impl Deref for ShortText {
    type Target = str;

    fn deref(&self) -> &str {
        match &self.0 {
            Repr::Short(len, room) => {
                std::str::from_utf8(&room[..usize::from(*len)]).unwrap_or_default()
            }
            Repr::Long(long) => long,
        }
    }
}

impl fmt::Debug for ShortText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_of_any_length_comes_out_as_it_went_in() {
        for len in [0, 1, ROOM - 1, ROOM, ROOM + 1, 300] {
            for letter in ["x", "é", "日"] {
                let text = letter.repeat(len);
                let short = ShortText::from(text.clone());
                assert_eq!(&*short, text);
                assert_eq!(String::from(short), text);
            }
        }
    }
}
