//! The pages for people.

mod forms;
mod html;
mod words;

pub use forms::Page;
pub use html::{AccountPage, LoginPage, SessionRow};
