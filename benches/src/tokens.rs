//! A JSON Web Token of each algorithm, and all that checks it: our keys, AWS-LC's, `jsonwebtoken`'s.

use std::fmt;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, ED25519, EcdsaKeyPair, Ed25519KeyPair, KeyPair,
    ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaKeyPair,
};
use portcullis::jwt::{Algorithm, Jwt, JwtConfig, Key, KeyRing};
use portcullis::store::{MemoryStore, NewUser};
use portcullis::{Account, Clock, Environment, Origin, SystemClock, Timestamp, Users};

use crate::world::{Outcome, now};

const SECRET: &str = "3VqhXkFZ0m4Rr1bYp7sTt9uWwEeJc2Ld";
const DAY: Duration = Duration::from_secs(86_400);

/// The key that a check by hand uses, parsed once.
pub(crate) enum RawKey {
    /// A secret whose pads are hashed.
    Hmac(Box<hmac::Key>),
    /// A public key.
    Public(ParsedPublicKey),
}

impl RawKey {
    /// Checks a signature.
    pub(crate) fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::Hmac(key) => hmac::verify(key, message, signature).is_ok(),
            Self::Public(key) => key.verify_sig(message, signature).is_ok(),
        }
    }
}

/// Tokens of one algorithm, and what checks them.
pub(crate) struct Signed {
    pub(crate) algorithm: Algorithm,
    pub(crate) jwt: Jwt,
    pub(crate) users: Users,
    /// One of its thousand users.
    pub(crate) user: Arc<Account>,
    pub(crate) token: String,
    /// One that has ended.
    pub(crate) expired: String,
    pub(crate) raw: Arc<RawKey>,
    pub(crate) theirs: jsonwebtoken::DecodingKey,
    sign: Sign,
}

/// Makes a signature and forgets it.
type Sign = Box<dyn Fn(&[u8]) -> Outcome<()>>;

/// Issuing or rotating a pair of tokens, and the signatures of it alone.
pub struct Pairs {
    /// What it is called.
    pub name: String,
    /// Makes two signatures.
    pub base: Box<dyn Fn() -> Outcome<()>>,
    /// Makes a pair.
    pub ours: Box<dyn Fn() -> Outcome<()>>,
}

impl fmt::Debug for Pairs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pairs").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Makes what is measured of pairs.
///
/// # Errors
///
/// When a key cannot be made.
pub fn pairs() -> Outcome<Vec<Pairs>> {
    let mut pairs = Vec::new();
    for algorithm in [Algorithm::HS256, Algorithm::RS256] {
        let Signed { jwt, user, token, sign, .. } = Signed::new(algorithm)?;
        let message = token.rsplit_once('.').map(|(message, _)| message.to_owned()).unwrap_or_default();
        let base = move || {
            sign(message.as_bytes())?;
            sign(message.as_bytes())
        };
        let base = Rc::new(base);
        let last = Mutex::new(now(jwt.issue(&user))??);
        let (rotating, signing) = (jwt.clone(), Rc::clone(&base));
        pairs.push(Pairs {
            name: format!("issue a pair, {algorithm}"),
            base: Box::new(move || signing()),
            ours: Box::new(move || now(jwt.issue(&user))?.map(drop).map_err(Into::into)),
        });
        let rotate = move || {
            let mut last = last.lock().map_err(|_| "a rotation failed before")?;
            let token = last.refresh().map(|token| token.expose_secret().clone()).unwrap_or_default();
            *last = now(rotating.refresh(&token, Origin::default()))??;
            Ok(())
        };
        pairs.push(Pairs {
            name: format!("rotate a pair, {algorithm}"),
            base: Box::new(move || base()),
            ours: Box::new(rotate),
        });
    }
    Ok(pairs)
}

/// A clock that stands still: what is issued by it has ended.
struct LongAgo;

impl Clock for LongAgo {
    fn now(&self) -> Timestamp {
        SystemClock.now().before(30 * DAY)
    }
}

/// Keys that belong together: ours, AWS-LC's, `jsonwebtoken`'s, and AWS-LC's that signs.
type Keys = (Key, RawKey, jsonwebtoken::DecodingKey, Sign);

impl Signed {
    /// Makes a key, a store of a thousand users, and tokens of one of them.
    pub(crate) fn new(algorithm: Algorithm) -> Outcome<Self> {
        let (key, raw, theirs, sign) = keys(algorithm)?;
        let store = MemoryStore::new();
        let users = Users::new(store.clone());
        let mut user = now(users.create_user(NewUser::new("john"), None))??;
        for number in 1..1_000 {
            user = now(users.create_user(NewUser::new(format!("user{number}")), None))??;
        }
        let jwt = Jwt::new(KeyRing::new([key])?, store)?
            .with_config(JwtConfig::default().with_access_lifetime(DAY))?;
        let token = now(jwt.issue(&user))??.access().expose_secret().clone();
        let ended = jwt.clone().with_environment(Environment::default().with_clock(Arc::new(LongAgo)));
        let expired = now(ended.issue(&user))??.access().expose_secret().clone();
        Ok(Self { algorithm, jwt, users, user, token, expired, raw: Arc::new(raw), theirs, sign })
    }

    /// The same token with one bit of its signature turned.
    pub(crate) fn forged(&self) -> String {
        let (start, signature) = self.token.rsplit_once('.').unwrap_or_default();
        let turned = if signature.starts_with('A') { "B" } else { "A" };
        format!("{start}.{turned}{}", signature.get(1..).unwrap_or_default())
    }
}

/// Draws a key; RSA has 2048 bits.
fn keys(algorithm: Algorithm) -> Outcome<Keys> {
    use jsonwebtoken::DecodingKey;
    let random = SystemRandom::new();
    match algorithm {
        Algorithm::RS256 => {
            let pair = RsaKeyPair::generate(KeySize::Rsa2048)?;
            let private = AsDer::<Pkcs8V1Der<'_>>::as_der(&pair)?;
            let public = pair.public_key().as_ref().to_vec();
            let sign = move |message: &[u8]| {
                let mut signature = vec![0; pair.public_modulus_len()];
                Ok(pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature)?)
            };
            Ok((
                Key::from_private_der(algorithm, private.as_ref())?,
                RawKey::Public(ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &public)?),
                DecodingKey::from_rsa_der(&public),
                Box::new(sign),
            ))
        }
        Algorithm::ES256 => {
            let private = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random)?;
            let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, private.as_ref())?;
            let public = pair.public_key().as_ref().to_vec();
            Ok((
                Key::from_private_der(algorithm, private.as_ref())?,
                RawKey::Public(ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, &public)?),
                DecodingKey::from_ec_der(&public),
                Box::new(move |message| Ok(pair.sign(&SystemRandom::new(), message).map(drop)?)),
            ))
        }
        Algorithm::EdDSA => {
            let private = Ed25519KeyPair::generate_pkcs8v1(&random)?;
            let pair = Ed25519KeyPair::from_pkcs8(private.as_ref())?;
            let public = pair.public_key().as_ref().to_vec();
            Ok((
                Key::from_private_der(algorithm, private.as_ref())?,
                RawKey::Public(ParsedPublicKey::new(&ED25519, &public)?),
                DecodingKey::from_ed_der(&public),
                Box::new(move |message| Ok(pair.try_sign(message).map(drop)?)),
            ))
        }
        _ => {
            let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
            let signer = key.clone();
            let sign = move |message: &[u8]| {
                std::hint::black_box(hmac::sign(&signer, message));
                Ok(())
            };
            Ok((
                Key::from_secret(Algorithm::HS256, SECRET)?,
                RawKey::Hmac(Box::new(key)),
                DecodingKey::from_secret(SECRET.as_bytes()),
                Box::new(sign),
            ))
        }
    }
}
