//! An answer that does not pass `finish` saves no session and pays no debt.
//! It is a warning, which denied warnings make an error.
//~ unused `Admission` that must be used
//~ its answer must pass `finish`

#![deny(unused_must_use)]

use portcullis_tests::crates::portcullis::{Admission, Route};
use portcullis_tests::crates::{
    bytes::Bytes,
    http::{Response, request::Parts},
};

type Answer = Response<Bytes>;

#[cfg(wrong)]
pub async fn serve(route: &Route, parts: &mut Parts, answer: Answer) -> Result<Answer, Answer> {
    route.admit(parts, None).await?;
    Ok(answer)
}

#[cfg(right)]
pub async fn serve(route: &Route, parts: &mut Parts, answer: Answer) -> Result<Answer, Answer> {
    let Admission::Ready(admitted) = route.admit(parts, None).await? else { return Err(answer) };
    Ok(admitted.finish(answer).await)
}
