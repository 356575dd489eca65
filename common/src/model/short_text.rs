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
    // Without room to grow, so that none of the three is larger than the first.
    Long(Box<str>),
    Known(&'static str),
}

impl From<String> for ShortText {
    fn from(text: String) -> Self {
        Self(short(&text).unwrap_or_else(|| Repr::Long(text.into())))
    }
}

impl From<&str> for ShortText {
    fn from(text: &str) -> Self {
        Self(short(text).unwrap_or_else(|| Repr::Long(text.into())))
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
            Repr::Short(..) | Repr::Known(_) => (*text).to_owned(),
            Repr::Long(long) => long.into(),
        }
    }
}

impl ShortText {
    /// Takes a text that the program has as long as it runs, and copies nothing of it.
    pub(crate) const fn known(text: &'static str) -> Self {
        Self(Repr::Known(text))
    }

    /// Returns the number of bytes.
    pub(crate) fn len(&self) -> usize {
        match &self.0 {
            Repr::Short(len, _) => usize::from(*len),
            Repr::Long(long) => long.len(),
            Repr::Known(known) => known.len(),
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
            Repr::Known(known) => known,
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
    fn it_takes_no_more_room_than_a_string() {
        assert_eq!(size_of::<ShortText>(), size_of::<String>());
        let known = ShortText::known("output");
        assert_eq!((&*known, known.len()), ("output", 6));
        assert_eq!(String::from(known.clone()), "output");
    }

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
