//! The login page, used by a person: two headless Chromiums with scripts switched off, and the real bookshop.
//!
//! Needs `chromedriver` and `chromium`, which `tests/run` installs.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use portcullis_tests::replay::Problem;
use portcullis_tests::server::Bookshop;
use serde_json::json;
use thirtyfour::prelude::*;

/// A chromedriver of our own on a free port; it ends when this is dropped.
struct Driver {
    process: Child,
    url: String,
}

impl Driver {
    fn start() -> Result<Self, Problem> {
        let mut process = Command::new("chromedriver").arg("--port=0").stdout(Stdio::piped()).spawn()?;
        let output = process.stdout.take().ok_or_else(|| Problem::new("chromedriver has no output"))?;
        let mut started = Self { process, url: String::new() };
        let mut lines = BufReader::new(output).lines();
        for line in lines.by_ref() {
            // "ChromeDriver was started successfully on port 41873."
            if let Some((_, port)) = line?.split_once("successfully on port ") {
                started.url = format!("http://127.0.0.1:{}", port.trim_end_matches('.'));
                break;
            }
        }
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
        if started.url.is_empty() { Err(Problem::new("chromedriver did not start")) } else { Ok(started) }
    }

    /// Opens a browser with a profile of its own, and with scripts switched off.
    async fn browser(&self) -> WebDriverResult<WebDriver> {
        let mut chrome = DesiredCapabilities::chrome();
        for argument in [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--no-first-run",
        ] {
            chrome.add_arg(argument)?;
        }
        let no_scripts = json!({ "profile.managed_default_content_settings.javascript": 2 });
        chrome.add_experimental_option("prefs", no_scripts)?;
        WebDriver::new(&self.url, chrome).await
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // Both fail only when the process has ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

async fn fill(browser: &WebDriver, field: &str, text: &str) -> WebDriverResult<()> {
    browser.find(By::Name(field)).await?.send_keys(text).await
}

/// Presses a button and waits until the page that it was on has gone.
async fn press(browser: &WebDriver, button: &str) -> WebDriverResult<()> {
    let page = browser.find(By::Tag("html")).await?;
    browser.find(By::XPath(format!("//button[normalize-space()='{button}']"))).await?.click().await?;
    for _ in 0..200 {
        if page.tag_name().await.is_err() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}

async fn log_in(browser: &WebDriver, url: &str, name: &str, password: &str) -> WebDriverResult<()> {
    browser.goto(url).await?;
    fill(browser, "username", name).await?;
    fill(browser, "password", password).await?;
    press(browser, "Log in").await
}

async fn shows(browser: &WebDriver, text: &str) -> WebDriverResult<bool> {
    Ok(browser.find(By::Tag("body")).await?.text().await?.contains(text))
}

async fn visit(first: &WebDriver, second: &WebDriver, url: &str) -> WebDriverResult<()> {
    log_in(first, url, "john", "wrong").await?;
    assert!(!shows(first, "You are john").await?, "a wrong password shows nobody's page");
    assert!(first.find(By::Css("[role=alert]")).await.is_ok(), "a wrong password is said");

    log_in(first, url, "john", "secret123").await?;
    assert!(shows(first, "You are john").await?, "the name is shown after the login");
    let cookie = first.get_named_cookie("sessionid").await?;
    assert_eq!(cookie.http_only, Some(true), "scripts cannot read the session");

    log_in(second, url, "john", "secret123").await?;
    second.refresh().await?;
    assert!(shows(second, "End all others").await?, "the other device is listed");

    fill(first, "old_password", "secret123").await?;
    fill(first, "new_password", "a longer secret").await?;
    press(first, "Change password").await?;
    assert!(shows(first, "You are john").await?, "whoever changes the password stays logged in");
    assert_ne!(first.get_named_cookie("sessionid").await?.value, cookie.value, "under a new session id");
    second.refresh().await?;
    assert!(!shows(second, "You are john").await?, "the other device is logged out");

    log_in(second, url, "john", "secret123").await?;
    assert!(!shows(second, "You are john").await?, "the old password is dead");
    log_in(second, url, "john", "a longer secret").await?;
    assert!(shows(second, "You are john").await?, "the new password works");
    first.refresh().await?;
    press(first, "End all others").await?;
    second.refresh().await?;
    assert!(!shows(second, "You are john").await?, "a session can be ended from another device");

    press(first, "Log out").await?;
    assert!(!shows(first, "You are john").await?, "logged out");
    first.back().await?;
    first.refresh().await?;
    assert!(!shows(first, "You are john").await?, "the back button brings nobody back");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_logs_in_changes_the_password_and_logs_out() -> Result<(), Problem> {
    let shop = Bookshop::start("axum", "memory")?;
    let driver = Driver::start()?;
    let (first, second) = (driver.browser().await?, driver.browser().await?);
    let visited = visit(&first, &second, shop.base_url()).await;
    first.quit().await?;
    second.quit().await?;
    Ok(visited?)
}
