//! Values of the program's own types → JSON, down to a limit.
//!
//! `serde_json::to_value` follows a list of a hundred thousand links to its end, and the stack's, and one
//! that never ends to the memory's. What is only recorded must not bring down the program, so here that is
//! an error. What JSON has no place for is written in words instead of failing the rest:
//!
//! | value | as |
//! |---|---|
//! | NaN, infinities | `null` |
//! | an integer beyond 64 bits | its digits, as a string |
//! | a key that is no string or number | its JSON, as a string |

use std::cell::Cell;
use std::fmt::{self, Write as _};

use serde::ser::{
    Error as _, Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant,
    SerializeTuple, SerializeTupleStruct, SerializeTupleVariant, Serializer,
};
use serde_json::Value;

use super::depth::{MAX_VALUE_DEPTH, TOO_DEEP};

/// Most bytes of memory that one value may become; what is larger is larger than a queue by default.
pub(crate) const MAX_VALUE_BYTES: usize = 128 * 1024 * 1024;

/// Turns a value into JSON as `serde_json::to_value` does; fails if it nests deeper than
/// [`MAX_VALUE_DEPTH`], where an `Option` and a newtype are levels too, or is larger than
/// [`MAX_VALUE_BYTES`].
pub(crate) fn to_value<T: Serialize + ?Sized>(value: &T) -> Result<Value, serde_json::Error> {
    let whole = Within {
        value,
        left: Left {
            levels: MAX_VALUE_DEPTH,
            bytes: &Cell::new(MAX_VALUE_BYTES),
        },
    };
    whole.serialize(serde_json::value::Serializer)
}

/// What may still come.
#[derive(Clone, Copy)]
struct Left<'a> {
    levels: usize,
    bytes: &'a Cell<usize>,
}

impl Left<'_> {
    /// Goes one level down.
    fn below(self) -> Result<Self, &'static str> {
        let levels = self.levels.checked_sub(1).ok_or(TOO_DEEP)?;
        Ok(Self { levels, ..self })
    }

    /// Takes so much off, and the place of a value.
    fn take(self, bytes: usize) -> Result<(), &'static str> {
        let bytes = bytes.saturating_add(size_of::<Value>());
        let left = self.bytes.get().checked_sub(bytes).ok_or(TOO_LARGE)?;
        self.bytes.set(left);
        Ok(())
    }
}

const TOO_LARGE: &str = "too large";

/// A text that is made piece by piece, as long as there is room.
struct Text<'a> {
    text: String,
    left: Left<'a>,
}

impl fmt::Write for Text<'_> {
    fn write_str(&mut self, piece: &str) -> fmt::Result {
        self.left.take(piece.len()).map_err(|_| fmt::Error)?;
        self.text.push_str(piece);
        Ok(())
    }
}

/// A value with what is left for it.
struct Within<'a, T: ?Sized> {
    value: &'a T,
    left: Left<'a>,
}

impl<T: Serialize + ?Sized> Serialize for Within<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.left.take(0).map_err(S::Error::custom)?;
        self.value.serialize(Bounded {
            inner: serializer,
            left: self.left,
        })
    }
}

/// A serializer, or a part that it is writing, with what is left for its values.
struct Bounded<'a, I> {
    inner: I,
    left: Left<'a>,
}

impl<'a, S: Serializer> Bounded<'a, S> {
    fn below(self) -> Result<(S, Left<'a>), S::Error> {
        let left = self.left.below().map_err(S::Error::custom)?;
        Ok((self.inner, left))
    }
}

macro_rules! plain {
    ($($method:ident($type:ty)),*) => {
        $(fn $method(self, value: $type) -> Result<S::Ok, S::Error> {
            self.inner.$method(value)
        })*
    };
}

macro_rules! compound {
    ($($method:ident($($argument:ident: $type:ty),*) -> $compound:ident),*) => {
        $(fn $method(self, $($argument: $type),*) -> Result<Self::$compound, S::Error> {
            let (inner, left) = self.below()?;
            let inner = inner.$method($($argument),*)?;
            Ok(Bounded { inner, left })
        })*
    };
}

impl<'a, S: Serializer> Serializer for Bounded<'a, S> {
    type Ok = S::Ok;
    type Error = S::Error;
    type SerializeSeq = Bounded<'a, S::SerializeSeq>;
    type SerializeTuple = Bounded<'a, S::SerializeTuple>;
    type SerializeTupleStruct = Bounded<'a, S::SerializeTupleStruct>;
    type SerializeTupleVariant = Bounded<'a, S::SerializeTupleVariant>;
    type SerializeMap = Bounded<'a, S::SerializeMap>;
    type SerializeStruct = Bounded<'a, S::SerializeStruct>;
    type SerializeStructVariant = Bounded<'a, S::SerializeStructVariant>;

    plain!(
        serialize_bool(bool),
        serialize_i8(i8),
        serialize_i16(i16),
        serialize_i32(i32),
        serialize_i64(i64),
        serialize_u8(u8),
        serialize_u16(u16),
        serialize_u32(u32),
        serialize_u64(u64),
        serialize_f32(f32),
        serialize_f64(f64),
        serialize_char(char),
        serialize_unit_struct(&'static str)
    );

    fn serialize_i128(self, value: i128) -> Result<S::Ok, S::Error> {
        match (u64::try_from(value), i64::try_from(value)) {
            (Ok(value), _) => self.inner.serialize_u64(value),
            (_, Ok(value)) => self.inner.serialize_i64(value),
            _ => self.inner.serialize_str(&value.to_string()),
        }
    }

    fn serialize_u128(self, value: u128) -> Result<S::Ok, S::Error> {
        match u64::try_from(value) {
            Ok(value) => self.inner.serialize_u64(value),
            Err(_) => self.inner.serialize_str(&value.to_string()),
        }
    }

    fn serialize_str(self, value: &str) -> Result<S::Ok, S::Error> {
        self.left.take(value.len()).map_err(S::Error::custom)?;
        self.inner.serialize_str(value)
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<S::Ok, S::Error> {
        // They become a list of numbers.
        let bytes = value.len().saturating_mul(size_of::<Value>());
        self.left.take(bytes).map_err(S::Error::custom)?;
        self.inner.serialize_bytes(value)
    }

    fn serialize_none(self) -> Result<S::Ok, S::Error> {
        self.inner.serialize_none()
    }

    fn serialize_unit(self) -> Result<S::Ok, S::Error> {
        self.inner.serialize_unit()
    }

    fn serialize_unit_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
    ) -> Result<S::Ok, S::Error> {
        self.inner.serialize_unit_variant(name, index, variant)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<S::Ok, S::Error> {
        let (inner, left) = self.below()?;
        inner.serialize_some(&Within { value, left })
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        value: &T,
    ) -> Result<S::Ok, S::Error> {
        let (inner, left) = self.below()?;
        inner.serialize_newtype_struct(name, &Within { value, left })
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<S::Ok, S::Error> {
        let (inner, left) = self.below()?;
        inner.serialize_newtype_variant(name, index, variant, &Within { value, left })
    }

    compound!(
        serialize_seq(len: Option<usize>) -> SerializeSeq,
        serialize_tuple(len: usize) -> SerializeTuple,
        serialize_tuple_struct(name: &'static str, len: usize) -> SerializeTupleStruct,
        serialize_tuple_variant(
            name: &'static str,
            index: u32,
            variant: &'static str,
            len: usize
        ) -> SerializeTupleVariant,
        serialize_map(len: Option<usize>) -> SerializeMap,
        serialize_struct(name: &'static str, len: usize) -> SerializeStruct,
        serialize_struct_variant(
            name: &'static str,
            index: u32,
            variant: &'static str,
            len: usize
        ) -> SerializeStructVariant
    );

    fn collect_str<T: std::fmt::Display + ?Sized>(self, value: &T) -> Result<S::Ok, S::Error> {
        let mut text = Text {
            text: String::new(),
            left: self.left,
        };
        write!(text, "{value}").map_err(S::Error::custom)?;
        self.inner.serialize_str(&text.text)
    }

    fn is_human_readable(&self) -> bool {
        self.inner.is_human_readable()
    }
}

macro_rules! parts {
    ($($compound:ident::$method:ident($($key:ident)?)),*) => {
        $(impl<C: $compound> $compound for Bounded<'_, C> {
            type Ok = C::Ok;
            type Error = C::Error;

            fn $method<T: Serialize + ?Sized>(
                &mut self,
                $($key: &'static str,)?
                value: &T,
            ) -> Result<(), C::Error> {
                let left = self.left;
                self.inner.$method($($key,)? &Within { value, left })
            }

            fn end(self) -> Result<C::Ok, C::Error> {
                self.inner.end()
            }
        })*
    };
}

parts!(
    SerializeSeq::serialize_element(),
    SerializeTuple::serialize_element(),
    SerializeTupleStruct::serialize_field(),
    SerializeTupleVariant::serialize_field(),
    SerializeStruct::serialize_field(key),
    SerializeStructVariant::serialize_field(key)
);

impl<C: SerializeMap> SerializeMap for Bounded<'_, C> {
    type Ok = C::Ok;
    type Error = C::Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), C::Error> {
        let (value, left) = (key, self.left);
        // A key may be as long, or as endless, as any other text.
        if self.inner.serialize_key(&Within { value, left }).is_ok() {
            return Ok(());
        }
        let left = left.below().map_err(C::Error::custom)?;
        let key = Within { value, left }.serialize(serde_json::value::Serializer);
        match key.map_err(C::Error::custom)? {
            Value::String(key) => self.inner.serialize_key(&key),
            other => self.inner.serialize_key(&other.to_string()),
        }
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), C::Error> {
        let left = self.left;
        self.inner.serialize_value(&Within { value, left })
    }

    fn end(self) -> Result<C::Ok, C::Error> {
        self.inner.end()
    }
}
