//! Names and values side by side: the headers of a message, the fields of a stream's entry.

use std::collections::{BTreeMap, HashMap};
use std::hash::BuildHasher;

use super::{Extractor, Injector};

fn visit_pairs<'a, K: AsRef<str> + 'a, V: AsRef<[u8]> + 'a>(
    pairs: impl IntoIterator<Item = (&'a K, &'a V)>,
    name: &str,
    visit: &mut dyn FnMut(&'a [u8]),
) {
    for (key, value) in pairs {
        if key.as_ref().eq_ignore_ascii_case(name) {
            visit(value.as_ref());
        }
    }
}

impl<K: AsRef<str>, V: AsRef<[u8]>> Extractor for Vec<(K, V)> {
    fn values<'a>(&'a self, name: &str, visit: &mut dyn FnMut(&'a [u8])) {
        visit_pairs(self.iter().map(|(key, value)| (key, value)), name, visit);
    }
}

impl<K: AsRef<str>, V: AsRef<[u8]>> Extractor for &[(K, V)] {
    fn values<'a>(&'a self, name: &str, visit: &mut dyn FnMut(&'a [u8])) {
        visit_pairs(self.iter().map(|(key, value)| (key, value)), name, visit);
    }
}

impl<K: AsRef<str>, V: AsRef<[u8]>, const N: usize> Extractor for [(K, V); N] {
    fn values<'a>(&'a self, name: &str, visit: &mut dyn FnMut(&'a [u8])) {
        visit_pairs(self.iter().map(|(key, value)| (key, value)), name, visit);
    }
}

impl Injector for Vec<(String, String)> {
    fn set(&mut self, name: &str, value: String) {
        Injector::remove(self, name);
        self.push((name.to_owned(), value));
    }

    fn remove(&mut self, name: &str) {
        self.retain(|(key, _)| !key.eq_ignore_ascii_case(name));
    }
}

macro_rules! map_carrier {
    ($map:ident $(, $hasher:ident)?) => {
        impl<K: AsRef<str>, V: AsRef<[u8]> $(, $hasher: BuildHasher)?> Extractor
            for $map<K, V $(, $hasher)?>
        {
            fn values<'a>(&'a self, name: &str, visit: &mut dyn FnMut(&'a [u8])) {
                visit_pairs(self, name, visit);
            }
        }

        impl$(<$hasher: BuildHasher>)? Injector for $map<String, String $(, $hasher)?> {
            fn set(&mut self, name: &str, value: String) {
                Injector::remove(self, name);
                self.insert(name.to_owned(), value);
            }

            fn remove(&mut self, name: &str) {
                self.retain(|key, _| !key.eq_ignore_ascii_case(name));
            }
        }
    };
}

map_carrier!(HashMap, S);
map_carrier!(BTreeMap);
