//! A digest as it stands in a store: whatever a row holds, reading it never panics, and what reads is written alike.

#![no_main]

use libfuzzer_sys::fuzz_target;
use portcullis::Digest;

fuzz_target!(|text: &str| {
    if let Ok(digest) = text.parse::<Digest>() {
        assert_eq!(digest.to_string().parse::<Digest>(), Ok(digest));
    }
});
