//! The cases of JSON Web Tokens: in axum, the core alone, the verifier alone, and `applies`.

use std::sync::Arc;

use axum::extract::Request;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Router, extract::State, routing};
use http::{HeaderName, StatusCode};
use jsonwebtoken::{DecodingKey, Validation};
use portcullis::authentication::Authenticator;
use portcullis::jwt::{Algorithm, Claims, Purpose};
use portcullis::{Account, Guard, RequestHead};
use serde::Deserialize;

use crate::case::{Case, Row, Target, make, nothing_decided};
use crate::floor::{Floor, bearer};
use crate::server::{Serve, bare, core, direct, guarded, nothing, serve};
use crate::tokens::Signed;
use crate::world::{Outcome, World, authorization, cookie};

/// Makes every case of tokens.
pub(crate) fn cases(world: &World) -> Outcome<Vec<Case>> {
    let all = [Algorithm::HS256, Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA];
    let signed = all.into_iter().map(Signed::new).collect::<Outcome<Vec<_>>>()?;
    let mut cases = Vec::new();
    for signed in &signed {
        let is_hmac = signed.algorithm == Algorithm::HS256;
        for row in rows(world, signed)? {
            cases.extend(served(row, signed)?);
        }
        for (name, token) in [("", signed.token.clone()), (", bad signature", signed.forged())] {
            // What AWS-LC takes for a bad signature is what it takes for a good one.
            if name.is_empty() || is_hmac {
                cases.push(verified(name, &token, signed));
            }
        }
    }
    cases.extend(signed.first().map(|signed| silent(world, signed)).into_iter().flatten());
    Ok(cases)
}

fn rows(world: &World, signed: &Signed) -> Outcome<Vec<Row>> {
    let algorithm = signed.algorithm;
    let token = |value: &str| authorization(&format!("Bearer {value}"));
    let row = |name: &str, credential, guard: &Guard, status, in_axum| Row {
        name: name.to_owned(),
        credential,
        guard: guard.clone(),
        status,
        in_axum,
    };
    let guard = || Guard::builder(signed.users.clone());
    let stateless = guard().authenticate(signed.jwt.stateless()).build()?;
    let (ok, refused) = (StatusCode::OK, StatusCode::UNAUTHORIZED);
    let accepted = Target { allocations: Some(10), ..Target::NONE };
    let name = format!("jwt stateless {algorithm}");
    let mut rows = vec![row(&name, token(&signed.token), &stateless, ok, accepted)];
    if algorithm != Algorithm::HS256 {
        return Ok(rows);
    }
    let jwt = guard().authenticate(signed.jwt.authenticator()).build()?;
    let remote = HeaderName::from_static("x-remote-user");
    let chain = guard()
        .authenticate(signed.users.basic())
        .authenticate(world.sessions.authenticator())
        .authenticate(signed.users.remote_user(remote, ["127.0.0.0/8"])?)
        .authenticate(signed.jwt.authenticator())
        .build()?;
    let half = Target { of_peer: Some(0.475), ..accepted };
    let garbage = Target::new(100.0, 2);
    rows.extend([
        row("jwt HS256", token(&signed.token), &jwt, ok, half),
        row("jwt last of four", token(&signed.token), &chain, ok, Target { of_peer: Some(1.15), ..accepted }),
        row("jwt, nothing sent", None, &jwt, refused, garbage),
        row("jwt, garbage", token("abc"), &jwt, refused, garbage),
        row("jwt, garbage of 7 KiB", token(&"x".repeat(7 * 1024)), &jwt, refused, garbage),
        row(
            "jwt, bad signature",
            token(&signed.forged()),
            &jwt,
            refused,
            Target { of_limit: Some(1.3), allocations: Some(2), ..Target::NONE },
        ),
        row("jwt, expired", token(&signed.expired), &jwt, refused, Target::NONE),
    ]);
    Ok(rows)
}

/// Serves a row in axum, and without it.
fn served(row: Row, signed: &Signed) -> Outcome<[Case; 2]> {
    let Row { name, credential, guard, status, in_axum } = row;
    let signs = credential.as_ref().and_then(|(_, value)| value.strip_prefix("Bearer "));
    let token: Arc<str> = signs.unwrap_or_default().into();
    let sent = credential.clone();
    let peer = if name == "jwt last of four" {
        guarded(Guard::builder(signed.users.clone()).authenticate(signed.jwt.authenticator()).build()?)?
    } else {
        by_hand(signed)
    };
    let in_axum = Case {
        name: format!("axum: {name}"),
        request: Box::new(move || make(&sent)),
        base: bare(),
        ours: guarded(guard.clone())?,
        peer: Some(peer),
        limit: Some(thin(signed)),
        signature: Some(with_signature(bare(), signed, &token)),
        status,
        target: in_axum,
    };
    let direct = Case {
        name: format!("core: {name}"),
        request: Box::new(move || make(&credential)),
        base: nothing(),
        ours: core(&guard)?,
        peer: None,
        limit: None,
        signature: Some(with_signature(nothing(), signed, &token)),
        status,
        target: Target::NONE,
    };
    Ok([in_axum, direct])
}

/// The verifier alone, beside the limit and `jsonwebtoken`.
fn verified(suffix: &str, token: &str, signed: &Signed) -> Case {
    let verifier = signed.jwt.verifier().clone();
    let (floor, key, rules) = (Floor::new(signed), signed.theirs.clone(), rules(signed.algorithm));
    let sent = authorization(&format!("Bearer {token}"));
    let user = signed.user.id.clone();
    let status = if suffix.is_empty() { StatusCode::OK } else { StatusCode::UNAUTHORIZED };
    let ours = move |token: &[u8]| {
        let read = |claims: &Claims<'_>| claims.user_id().as_ref() == Some(&user);
        verifier.verify(token, Purpose::ACCESS, read) == Ok(true)
    };
    let of_limit = if signed.algorithm == Algorithm::HS256 { 1.3 } else { 1.05 };
    Case {
        name: format!("verify: {}{suffix}", signed.algorithm),
        request: Box::new(move || make(&sent)),
        base: checked(|token| !token.is_empty()),
        ours: checked(ours),
        peer: Some(checked(move |token| jsonwebtoken::decode::<Payload>(token, &key, &rules).is_ok())),
        limit: Some(checked(move |token| floor.check(token).is_some())),
        signature: Some(with_signature(checked(|token| !token.is_empty()), signed, token)),
        status,
        target: Target { of_limit: Some(of_limit), allocations: Some(4), ..Target::NONE },
    }
}

/// No framework and no guard: the head is taken off and the token found.
fn checked(check: impl Fn(&[u8]) -> bool + 'static) -> Serve {
    direct(move |request| {
        let (parts, _body) = request.into_parts();
        let is_good = bearer(&parts.headers).is_some_and(&check);
        if is_good { StatusCode::OK } else { StatusCode::UNAUTHORIZED }
    })
}

/// The check of the signature behind a base: what AWS-LC takes on this machine.
pub(crate) fn with_signature(mut base: Serve, signed: &Signed, token: &str) -> Serve {
    use base64::Engine as _;
    let key = Arc::clone(&signed.raw);
    let (message, signature) = token.rsplit_once('.').unwrap_or_default();
    let message = message.to_owned();
    let signature = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(signature).unwrap_or_default();
    Box::new(move |sent| {
        if !message.is_empty() {
            std::hint::black_box(key.verify(message.as_bytes(), &signature));
        }
        base(sent)
    })
}

/// Authenticators that are asked whether a request is theirs, and it is not.
fn silent(world: &World, signed: &Signed) -> Vec<Case> {
    let ours: [(_, Arc<dyn Authenticator>); 4] = [
        ("jwt", Arc::new(signed.jwt.authenticator())),
        ("jwt stateless", Arc::new(signed.jwt.stateless())),
        ("token", Arc::new(world.tokens.authenticator())),
        ("basic", Arc::new(world.users.basic())),
    ];
    let credentials =
        [("another scheme", authorization("Nonsense abc")), ("a cookie", cookie(&world.cookie))];
    let mut cases = Vec::new();
    for (name, authenticator) in ours {
        for (what, credential) in credentials.clone() {
            let authenticator = Arc::clone(&authenticator);
            cases.push(Case {
                name: format!("applies: {name}, {what}"),
                request: Box::new(move || make(&credential)),
                base: nothing_decided(),
                ours: direct(move |request| {
                    let (parts, _body) = request.into_parts();
                    let applies = authenticator.applies(&RequestHead::new(&parts, None));
                    if applies { StatusCode::OK } else { StatusCode::NO_CONTENT }
                }),
                peer: None,
                limit: None,
                signature: None,
                status: StatusCode::NO_CONTENT,
                target: Target::new(60.0, 0),
            });
        }
    }
    cases
}

#[derive(Debug, Clone, Deserialize)]
struct Payload {
    user_id: String,
}

fn rules(algorithm: Algorithm) -> Validation {
    Validation::new(match algorithm {
        Algorithm::RS256 => jsonwebtoken::Algorithm::RS256,
        Algorithm::ES256 => jsonwebtoken::Algorithm::ES256,
        Algorithm::EdDSA => jsonwebtoken::Algorithm::EdDSA,
        _ => jsonwebtoken::Algorithm::HS256,
    })
}

type Rules = Arc<(DecodingKey, Validation)>;

/// axum and the middleware that people write: `jsonwebtoken`, an extension.
fn by_hand(signed: &Signed) -> Serve {
    async fn books(Extension(user): Extension<Arc<Account>>) -> &'static str {
        std::hint::black_box(&user);
        "ok"
    }
    let rules: Rules = Arc::new((signed.theirs.clone(), rules(signed.algorithm)));
    serve(Router::new().route("/books", routing::get(books)).layer(from_fn_with_state(rules, check_by_hand)))
}

async fn check_by_hand(State(rules): State<Rules>, mut request: Request, next: Next) -> Response {
    let token = bearer(request.headers());
    let decoded = token.map(|token| jsonwebtoken::decode::<Payload>(token, &rules.0, &rules.1));
    let Some(Ok(decoded)) = decoded else { return StatusCode::UNAUTHORIZED.into_response() };
    request.extensions_mut().insert(Arc::new(Account::new(1, decoded.claims.user_id)));
    next.run(request).await
}

/// The limit as one layer.
fn thin(signed: &Signed) -> Serve {
    async fn books(Extension(user): Extension<Arc<Account>>) -> &'static str {
        std::hint::black_box(&user);
        "ok"
    }
    serve(Router::new().route("/books", routing::get(books)).layer(Floor::new(signed)))
}
