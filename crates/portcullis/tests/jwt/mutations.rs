//! Tokens that were good once: a million mutations by HS256, ten thousand by each other algorithm, none accepted.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use portcullis::jwt::{Algorithm, JwtConfig, JwtVerifier};

use crate::forge::{access, b64, forge, header, public_key, sign, verdict, verifier};

/// `SplitMix64`: the same numbers in every run.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(bound.max(1)).unwrap()).unwrap()
    }

    fn letter(&mut self) -> u8 {
        const LETTERS: &[u8; 66] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=";
        LETTERS[self.below(LETTERS.len())]
    }
}

/// What replaces a header before it is encoded anew.
const EDITS: [(&str, &str); 14] = [
    (r#""alg":""#, r#""alg":"none","alg":""#),
    (r#""alg":""#, r#""crit":[],"alg":""#),
    (r#""alg":""#, r#""kid":"a","alg":""#),
    (r#""alg":""#, r#""x":"y","alg":""#),
    ("HS256", "none"),
    ("HS256", "HS512"),
    ("RS256", "HS256"),
    ("PS256", "RS256"),
    ("ES256", "HS256"),
    ("ES384", "ES256"),
    ("EdDSA", "HS256"),
    ("at+jwt", "JWT"),
    ("{", "{ "),
    ("}", "} "),
];

/// Mutates the first of two good tokens; the same text may come out.
fn mutate(tokens: [&str; 2], numbers: &mut Numbers) -> Vec<u8> {
    let [token, other] = tokens;
    let mut bytes = token.as_bytes().to_vec();
    let at = numbers.below(bytes.len());
    match numbers.below(10) {
        0 => bytes[at] ^= 1 << numbers.below(8),
        1 => bytes[at] = numbers.letter(),
        2 => bytes[at] ^= 0x20,
        3 => bytes.truncate(at),
        4 => drop(bytes.drain(..at)),
        5 => bytes.insert(at, numbers.letter()),
        6 => drop(bytes.remove(at)),
        7 => {
            // Flips bits of what is encoded.
            let mut parts: Vec<Vec<u8>> =
                token.split('.').map(|part| URL_SAFE_NO_PAD.decode(part).unwrap()).collect();
            let part = &mut parts[numbers.below(3)];
            let at = numbers.below(part.len());
            part[at] ^= 1 << numbers.below(8);
            bytes = parts.iter().map(b64).collect::<Vec<_>>().join(".").into_bytes();
        }
        8 => {
            // Takes parts of another good token.
            let (ours, theirs) = (token.split('.'), other.split('.'));
            let parts = ours.zip(theirs).map(|(our, their)| if numbers.below(2) == 0 { our } else { their });
            bytes = parts.collect::<Vec<_>>().join(".").into_bytes();
        }
        _ => {
            let (head, rest) = token.split_once('.').unwrap();
            let head = String::from_utf8(URL_SAFE_NO_PAD.decode(head).unwrap()).unwrap();
            let (from, to) = EDITS[numbers.below(EDITS.len())];
            bytes = format!("{}.{rest}", b64(head.replacen(from, to, 1))).into_bytes();
        }
    }
    bytes
}

/// Insists that none of so many mutations, each different from both tokens, is accepted.
fn attack(verifier: &JwtVerifier, tokens: [&str; 2], count: usize, seed: u64) {
    let mut numbers = Numbers(seed);
    let mutants = std::iter::repeat_with(|| mutate(tokens, &mut numbers));
    let differs = |mutant: &Vec<u8>| tokens.iter().all(|token| token.as_bytes() != mutant.as_slice());
    for mutant in mutants.filter(differs).take(count) {
        let verdict = verdict(verifier, &mutant);
        assert!(verdict.is_err(), "accepted: {}", String::from_utf8_lossy(&mutant));
    }
}

fn run(algorithm: Algorithm, count: usize) {
    let of = |user| {
        let claims = access(&[("user_id", user), ("name", "\"somebody\"")]);
        forge(header(algorithm, "access"), claims, |message| sign(algorithm, message))
    };
    let (john, jane) = (of("\"1\""), of("\"2\""));
    let verifier = verifier([public_key(algorithm)], JwtConfig::simplejwt());
    assert_eq!((verdict(&verifier, &john), verdict(&verifier, &jane)), (Ok(()), Ok(())), "{algorithm}");
    std::thread::scope(|scope| {
        for (seed, tokens) in (1..).zip([[&*john, &*jane], [&*jane, &*john]]) {
            let verifier = &verifier;
            scope.spawn(move || attack(verifier, tokens, count / 2, seed));
        }
    });
    println!("{algorithm}: of {count} mutations 0 were accepted");
}

#[test]
fn no_mutation_of_a_million_is_accepted() {
    run(Algorithm::HS256, 1_000_000);
}

#[test]
fn no_mutation_by_a_pair_of_keys_is_accepted() {
    for algorithm in
        [Algorithm::RS256, Algorithm::PS256, Algorithm::ES256, Algorithm::ES384, Algorithm::EdDSA]
    {
        run(algorithm, 10_000);
    }
}
