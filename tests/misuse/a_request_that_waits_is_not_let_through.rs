//! Where the body must prove the origin, the way on leads through it.
//~ no method named `finish` found for struct `Box<portcullis::Pending>`

use portcullis_tests::crates::portcullis::{Admission, Admitted, Pending};
use portcullis_tests::crates::{
    bytes::Bytes,
    http::{Response, request::Parts},
};

type Answer = Response<Bytes>;

#[cfg(wrong)]
pub async fn go_on(pending: Box<Pending>, _: &mut Parts, answer: Answer) -> Answer {
    pending.finish(answer).await
}

#[cfg(right)]
pub async fn go_on(pending: Box<Pending>, parts: &mut Parts, answer: Answer) -> Answer {
    match pending.with_body(parts, &Bytes::new()).await {
        Ok(admitted) => admitted.finish(answer).await,
        Err(refusal) => refusal,
    }
}
