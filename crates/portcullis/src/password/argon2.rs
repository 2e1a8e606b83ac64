//! Argon2id (RFC 9106) in PHC strings: `$argon2id$v=19$m=19456,t=2,p=1$<salt>$<hash>`.
//!
//! 1. Only argon2id, only version 19 (1.3), the three parameters in this order, unpadded base64: one spelling a hash.
//! 2. New hashes cost at least what OWASP's Password Storage Cheat Sheet asks for, in one of its five equal settings.
//! 3. A stored hash is verified with the parameters in its text, which are bounded before anything is allocated or run.

use std::borrow::Cow;

use ::argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use zeroize::Zeroizing;

use super::{HashMemory, PasswordHashError, PasswordHasher};
use crate::credentials::PasswordHash;
use crate::secret::{Secret, ct_eq};

const PREFIX: &str = "$argon2id$";
/// The bytes of output in a new hash.
const OUTPUT_BYTES: usize = 32;
/// The bytes of salt in a new hash.
const SALT_BYTES: usize = 16;

/// OWASP's settings of equal strength, as memory in KiB and passes.
const OWASP: [(u32, u32); 5] = [(47_104, 1), (19_456, 2), (12_288, 3), (9_216, 4), (7_168, 5)];

/// The most memory, 128 MiB: above argon2-cffi's 64 and Django's 100.
const MAX_MEMORY_KIB: u32 = 131_072;
/// The most lanes; they run one after another.
const MAX_LANES: u32 = 16;
/// The most passes.
const MAX_PASSES: u32 = 64;
/// The most memory times passes, in KiB: about a fifth of a second.
const MAX_WORK_KIB: u32 = 524_288;
/// The longest text of a hash; what is written here has 97 characters.
const MAX_TEXT: usize = 256;

/// The hasher of argon2id; by default with 19 MiB, two passes and one lane, OWASP's setting.
///
/// # Examples
///
/// ```
/// use portcullis::password::Argon2id;
///
/// assert!(Argon2id::new(47_104, 1, 1).is_ok());
/// assert!(Argon2id::new(4_096, 3, 1).is_err());
/// ```
///
/// # Security
///
/// Each thread of the pool keeps as much memory as one hash takes. A hash that was stored with more takes that much
/// while it is verified, 128 MiB at most, and none of it is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Argon2id {
    parameters: Parameters,
}

impl Argon2id {
    /// Takes memory in KiB, passes and lanes.
    ///
    /// # Errors
    ///
    /// [`Argon2idError::TooWeak`] unless memory and passes both reach one of OWASP's settings (46 MiB and 1 pass, 19 and
    /// 2, 12 and 3, 9 and 4, 7 and 5); [`Argon2idError::TooCostly`] beyond 128 MiB, 64 passes, 16 lanes or 512 MiB
    /// written in all passes, which is also the most that a stored hash may ask for.
    pub const fn new(memory_kib: u32, passes: u32, lanes: u32) -> Result<Self, Argon2idError> {
        let parameters = Parameters { memory_kib, passes, lanes };
        if !parameters.reach_owasp() {
            return Err(Argon2idError::TooWeak);
        }
        if !parameters.are_in_band() {
            return Err(Argon2idError::TooCostly);
        }
        Ok(Self { parameters })
    }

    /// Takes the least that argon2 allows, 8 KiB and one pass: for tests of applications.
    ///
    /// # Security
    ///
    /// Whoever steals such a hash tries tens of thousands of passwords a second on each core.
    #[must_use]
    pub const fn dangerous_cheap() -> Self {
        Self { parameters: Parameters { memory_kib: 8, passes: 1, lanes: 1 } }
    }
}

impl Default for Argon2id {
    fn default() -> Self {
        Self { parameters: Parameters { memory_kib: 19_456, passes: 2, lanes: 1 } }
    }
}

impl PasswordHasher for Argon2id {
    fn recognises(&self, hash: &PasswordHash) -> bool {
        hash.expose_secret().starts_with(PREFIX)
    }

    fn hash(
        &self,
        password: &Secret,
        salt: &[u8; 16],
        memory: &mut HashMemory,
    ) -> Result<PasswordHash, PasswordHashError> {
        let mut output = Zeroizing::new([0; OUTPUT_BYTES]);
        self.parameters.run(password, salt, &mut *output, memory)?;
        Ok(encode(self.parameters, salt, &*output))
    }

    fn verify(
        &self,
        password: &Secret,
        hash: &PasswordHash,
        memory: &mut HashMemory,
    ) -> Result<bool, PasswordHashError> {
        let stored = Stored::parse(hash.expose_secret()).ok_or(PasswordHashError::Unreadable)?;
        let mut output = Zeroizing::new(vec![0; stored.output.len()]);
        let outcome = stored.parameters.run(password, &stored.salt, &mut output, memory);
        if stored.parameters.memory_kib > self.parameters.memory_kib {
            // One planted or imported row must not make the thread larger for good.
            *memory = HashMemory::default();
        }
        outcome.map(|()| ct_eq(&output, &stored.output))
    }

    fn needs_upgrade(&self, hash: &PasswordHash) -> bool {
        Stored::parse(hash.expose_secret()).is_none_or(|stored| {
            stored.parameters != self.parameters
                || stored.salt.len() != SALT_BYTES
                || stored.output.len() != OUTPUT_BYTES
        })
    }
}

/// Why parameters are refused.
///
/// # Examples
///
/// ```
/// use portcullis::password::{Argon2id, Argon2idError};
///
/// assert_eq!(Argon2id::new(8, 1, 1), Err(Argon2idError::TooWeak));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Argon2idError {
    /// They are below each of OWASP's settings.
    #[error("the argon2id parameters are weaker than OWASP's")]
    TooWeak,
    /// They are outside the band in which a stored hash is verified.
    #[error("the argon2id parameters are outside the band of what can be verified")]
    TooCostly,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Parameters {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
}

impl Parameters {
    const fn reach_owasp(self) -> bool {
        let mut settings: &[(u32, u32)] = &OWASP;
        while let [(memory_kib, passes), rest @ ..] = settings {
            if self.memory_kib >= *memory_kib && self.passes >= *passes {
                return true;
            }
            settings = rest;
        }
        false
    }

    /// Tells whether the cost is both possible (RFC 9106 section 3.1) and bearable.
    const fn are_in_band(self) -> bool {
        self.lanes >= 1
            && self.lanes <= MAX_LANES
            && self.memory_kib >= 8 * self.lanes
            && self.memory_kib <= MAX_MEMORY_KIB
            && self.passes >= 1
            && self.passes <= MAX_PASSES
            && self.memory_kib * self.passes <= MAX_WORK_KIB
    }

    /// `decimal` without sign and leading zeros, as `m=19456,t=2,p=1`.
    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split(',');
        let mut number = |name| {
            let digits = parts.next()?.strip_prefix(name)?;
            digits.parse().ok().filter(|number: &u32| number.to_string() == digits)
        };
        let parameters = Self { memory_kib: number("m=")?, passes: number("t=")?, lanes: number("p=")? };
        (parts.next().is_none() && parameters.are_in_band()).then_some(parameters)
    }

    fn run(
        self,
        password: &Secret,
        salt: &[u8],
        output: &mut [u8],
        memory: &mut HashMemory,
    ) -> Result<(), PasswordHashError> {
        let params = Params::new(self.memory_kib, self.passes, self.lanes, None).map_err(failed)?;
        let blocks = memory.blocks(params.block_count())?;
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            // The one place where the password itself is read.
            .hash_password_into_with_memory(password.expose_secret().as_bytes(), salt, output, blocks)
            .map_err(failed)
    }
}

/// What a PHC string holds.
struct Stored {
    parameters: Parameters,
    salt: Vec<u8>,
    output: Zeroizing<Vec<u8>>,
}

impl Stored {
    fn parse(text: &str) -> Option<Self> {
        if text.len() > MAX_TEXT {
            return None;
        }
        let (parameters, rest) = text.strip_prefix(PREFIX)?.strip_prefix("v=19$")?.split_once('$')?;
        let (salt, output) = rest.split_once('$')?;
        let parameters = Parameters::parse(parameters)?;
        let salt = STANDARD_NO_PAD.decode(salt).ok()?;
        let output = Zeroizing::new(STANDARD_NO_PAD.decode(output).ok()?);
        // RFC 9106 allows an output of 4 bytes, which some other password would have too.
        ((8..=64).contains(&salt.len()) && (16..=64).contains(&output.len())).then_some(Self {
            parameters,
            salt,
            output,
        })
    }
}

fn encode(parameters: Parameters, salt: &[u8], output: &[u8]) -> PasswordHash {
    let Parameters { memory_kib, passes, lanes } = parameters;
    // Large enough never to be moved, which would leave a copy behind.
    let mut text = String::with_capacity(MAX_TEXT);
    text.push_str(&format!("{PREFIX}v=19$m={memory_kib},t={passes},p={lanes}$"));
    STANDARD_NO_PAD.encode_string(salt, &mut text);
    text.push('$');
    STANDARD_NO_PAD.encode_string(output, &mut text);
    PasswordHash::new(text)
}

fn failed(error: ::argon2::Error) -> PasswordHashError {
    PasswordHashError::Failed(Cow::Owned(format!("argon2id fails: {error}")))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const CHEAP: &str = "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHRzYWx0c2FsdA$";

    fn verify(password: &str, text: &str) -> Result<bool, PasswordHashError> {
        let hash = PasswordHash::new(text);
        Argon2id::default().verify(&Secret::from(password), &hash, &mut HashMemory::default())
    }

    /// Texts that argon2-cffi 25.1.0 (the reference implementation in C) made by `hash_secret(.., type=ID, version=19)`.
    #[test]
    fn hashes_of_the_reference_implementation_verify() {
        let long = "a".repeat(4096);
        for (password, text) in [
            (
                "correct horse battery staple",
                "$argon2id$v=19$m=19456,t=2,p=1$MDEyMzQ1Njc4OWFiY2RlZg$gy5SuVm5Z7Vw7keB9se9p87QGcomaseB/S2U1OhTsM0",
            ),
            (
                "pässwörd",
                "$argon2id$v=19$m=64,t=3,p=4$ZmVkY2JhOTg3NjU0MzIxMA$Ey5+/AAjcw9EkIPiqPdulFOzwc8wdsCec2ushvZEduY",
            ),
            ("secret123", "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$7TXxfEiDI+/vmjRhLUXSAA"),
            (
                &long,
                "$argon2id$v=19$m=1024,t=2,p=2$MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY$\
                 ozpfQ2XavNJkPZPU4W97lPNy39gb6KJ40IiadXUJpNRPVDYrgLLEI72egwXS8jXEZuPVsptg1jHHQwIrTjlQ2g",
            ),
        ] {
            assert_eq!(verify(password, text), Ok(true), "{text}");
            assert_eq!(verify(&format!("{password}x"), text), Ok(false), "{text}");
            let shorter = password.strip_suffix(|_: char| true).unwrap();
            assert_eq!(verify(shorter, text), Ok(false), "every byte counts, {text}");
        }
    }

    #[test]
    fn a_new_hash_is_the_reference_implementations() {
        let (password, salt) = (Secret::from("correct horse battery staple"), b"0123456789abcdef");
        let mut memory = HashMemory::default();
        let hasher = Argon2id::default();
        let text = "$argon2id$v=19$m=19456,t=2,p=1$MDEyMzQ1Njc4OWFiY2RlZg$gy5SuVm5Z7Vw7keB9se9p87QGcomaseB/S2U1OhTsM0";
        for round in ["in fresh memory", "in memory that another hash has used"] {
            let hash = hasher.hash(&password, salt, &mut memory).unwrap();
            assert_eq!(hash.expose_secret(), text, "{round}");
            assert!(hasher.recognises(&hash) && !hasher.needs_upgrade(&hash));
            hasher.hash(&Secret::from("another"), &[7; 16], &mut memory).unwrap();
            assert_eq!(memory.kept_bytes(), 19 << 20);
        }
    }

    #[test]
    fn settings_below_owasps_or_out_of_the_band_are_refused() {
        use Argon2idError::{TooCostly, TooWeak};
        for (memory_kib, passes, lanes, error) in [
            (47_104, 1, 1, None),
            (47_103, 1, 1, Some(TooWeak)),
            (19_456, 2, 1, None),
            (19_456, 1, 1, Some(TooWeak)),
            (19_455, 2, 1, Some(TooWeak)),
            (12_288, 3, 1, None),
            (9_216, 4, 16, None),
            (7_168, 5, 1, None),
            (7_168, 4, 1, Some(TooWeak)),
            (7_167, 64, 1, Some(TooWeak)),
            (u32::MAX, 0, 1, Some(TooWeak)),
            (131_072, 4, 1, None),
            (131_072, 5, 1, Some(TooCostly)),
            (131_073, 1, 1, Some(TooCostly)),
            (7_168, 64, 1, None),
            (7_168, 65, 1, Some(TooCostly)),
            (u32::MAX, u32::MAX, 1, Some(TooCostly)),
            (19_456, 2, 0, Some(TooCostly)),
            (19_456, 2, 17, Some(TooCostly)),
            (19_456, 2, u32::MAX, Some(TooCostly)),
        ] {
            let outcome = Argon2id::new(memory_kib, passes, lanes).err();
            assert_eq!(outcome, error, "m={memory_kib},t={passes},p={lanes}");
        }
    }

    #[test]
    fn planted_and_broken_texts_are_refused_before_anything_runs() {
        let output = "A".repeat(43);
        let salt = "c2FsdHNhbHRzYWx0c2FsdA";
        let planted = |settings: &str| format!("$argon2id$v=19${settings}${salt}${output}");
        for (name, text) in [
            ("4 TiB", planted("m=4294967295,t=1,p=1")),
            ("more than 32 bits", planted("m=4294967296,t=1,p=1")),
            ("just above the band", planted("m=131073,t=1,p=1")),
            ("too little memory", planted("m=7,t=1,p=1")),
            ("no memory", planted("m=0,t=1,p=1")),
            ("less than the lanes need", planted("m=15,t=1,p=2")),
            ("no passes", planted("m=8,t=0,p=1")),
            ("too many passes", planted("m=8,t=65,p=1")),
            ("all passes", planted("m=8,t=4294967295,p=1")),
            ("too much work", planted("m=131072,t=5,p=1")),
            ("no lanes", planted("m=8,t=1,p=0")),
            ("too many lanes", planted("m=1024,t=1,p=17")),
            ("a leading zero", planted("m=08,t=1,p=1")),
            ("a plus", planted("m=+8,t=1,p=1")),
            ("a minus", planted("m=-8,t=1,p=1")),
            ("another order", planted("t=1,m=8,p=1")),
            ("a parameter too many", planted("m=8,t=1,p=1,keyid=8PDw8A")),
            ("a parameter twice", planted("m=8,m=8,t=1,p=1")),
            ("a parameter too few", planted("m=8,t=1")),
            ("no parameters", planted("")),
            ("version 16", format!("$argon2id$v=16$m=8,t=1,p=1${salt}${output}")),
            ("no version, which means 16", format!("$argon2id$m=8,t=1,p=1${salt}${output}")),
            ("argon2i", format!("$argon2i$v=19$m=8,t=1,p=1${salt}${output}")),
            ("argon2d", format!("$argon2d$v=19$m=8,t=1,p=1${salt}${output}")),
            ("a salt of 7 bytes", format!("$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbA${output}")),
            ("no output", CHEAP.to_owned()),
            ("no salt and no output", "$argon2id$v=19$m=8,t=1,p=1".to_owned()),
            ("an output of 15 bytes", format!("{CHEAP}{}", "A".repeat(20))),
            ("an output of 66 bytes", format!("{CHEAP}{}", "A".repeat(88))),
            ("padded base64", format!("{CHEAP}{output}=")),
            ("bits behind the end", format!("{CHEAP}{}B", "A".repeat(42))),
            ("the other base64", format!("{CHEAP}{}_A", "A".repeat(41))),
            ("a part too many", format!("{CHEAP}{output}$")),
            ("a space behind", format!("{CHEAP}{output} ")),
            ("a megabyte", format!("{CHEAP}{}", "A".repeat(1 << 20))),
            ("not ASCII", format!("{CHEAP}{}é", "A".repeat(42))),
        ] {
            let mut memory = HashMemory::default();
            let hash = PasswordHash::new(&*text);
            let verdict = Argon2id::default().verify(&Secret::from("x"), &hash, &mut memory);
            assert_eq!(verdict, Err(PasswordHashError::Unreadable), "{name}");
            assert_eq!(memory.kept_bytes(), 0, "{name}: no memory was taken");
            assert!(Argon2id::default().needs_upgrade(&hash), "{name}");
        }
        assert_eq!(verify("x", &planted("m=8,t=1,p=1")), Ok(false), "the text that they differ from is read");
    }

    #[test]
    fn other_formats_are_not_recognised() {
        for (text, recognised) in [
            ("$argon2id$v=19$m=8", true),
            ("$argon2id", false),
            ("$argon2i$v=19$m=8", false),
            ("argon2$argon2id$v=19$m=8", false),
            (" $argon2id$", false),
            ("$ARGON2ID$", false),
            ("pbkdf2_sha256$1000000$salt$hash", false),
        ] {
            assert_eq!(Argon2id::default().recognises(&PasswordHash::new(text)), recognised, "{text}");
        }
    }

    #[test]
    fn any_other_cost_salt_or_output_needs_an_upgrade() {
        let (salt, output) = ("A".repeat(22), "A".repeat(43));
        for (settings, salt, output, needed) in [
            ("m=19456,t=2,p=1", &*salt, &*output, false),
            ("m=19455,t=2,p=1", &salt, &output, true),
            ("m=47104,t=2,p=1", &salt, &output, true),
            ("m=19456,t=3,p=1", &salt, &output, true),
            ("m=19456,t=2,p=2", &salt, &output, true),
            ("m=19456,t=2,p=1", &output, &output, true),
            ("m=19456,t=2,p=1", &salt, &salt, true),
        ] {
            let hash = PasswordHash::new(format!("$argon2id$v=19${settings}${salt}${output}"));
            let lengths = (salt.len(), output.len());
            assert_eq!(Argon2id::default().needs_upgrade(&hash), needed, "{settings} {lengths:?}");
        }
    }

    #[test]
    fn a_costlier_row_does_not_make_the_thread_larger() {
        let hasher = Argon2id::dangerous_cheap();
        let mut memory = HashMemory::default();
        let row = PasswordHash::new(
            "$argon2id$v=19$m=64,t=3,p=4$ZmVkY2JhOTg3NjU0MzIxMA$Ey5+/AAjcw9EkIPiqPdulFOzwc8wdsCec2ushvZEduY",
        );
        assert_eq!(hasher.verify(&Secret::from("pässwörd"), &row, &mut memory), Ok(true));
        assert_eq!(memory.kept_bytes(), 0);
    }

    #[test]
    fn no_other_password_is_right() {
        let hasher = Argon2id::dangerous_cheap();
        let mut memory = HashMemory::default();
        let hash = hasher.hash(&Secret::from("0"), b"0123456789abcdef", &mut memory).unwrap();
        let accepted = (0..100_000_u32)
            .filter(|guess| hasher.verify(&Secret::from(guess.to_string()), &hash, &mut memory).unwrap());
        assert_eq!(accepted.collect::<Vec<_>>(), [0]);
    }

    const LIKELY: &[u8] = b"$=,mtpv019AZaz+/";

    proptest! {
        #![proptest_config(ProptestConfig { cases: 100_000, ..ProptestConfig::default() })]

        /// RUSTSEC-2026-0199: a stored text that was not ASCII made another crate panic.
        #[test]
        fn a_corrupted_text_neither_panics_nor_verifies(
            changes in proptest::collection::vec((0_usize..80, 0_usize..3, any::<char>(), proptest::sample::select(LIKELY)), 1..4),
        ) {
            let text = "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$7TXxfEiDI+/vmjRhLUXSAA";
            let mut characters: Vec<char> = text.chars().collect();
            for (position, act, any, likely) in changes {
                let position = position % characters.len();
                match act {
                    0 => characters[position] = any,
                    1 => characters.insert(position, char::from(likely)),
                    _ => drop(characters.remove(position)),
                }
            }
            let corrupted: String = characters.into_iter().collect();
            prop_assume!(corrupted != text);
            prop_assert!(verify("secret123", &corrupted) != Ok(true), "{}", corrupted);
        }
    }
}
