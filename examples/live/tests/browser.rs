//! The page, in a real browser.

#[path = "../../../tests/servers/real/chromium.rs"]
mod chromium;
#[path = "../../../tests/servers/real/server.rs"]
mod server;
mod shop;

use std::time::Instant;

use typed_hub::{Custom, Hub};

use chromium::Chromium;
use shop::{Cart, CartEvent, Letters, PATIENCE, listen, open};

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a browser: tests/run servers installs it"]
async fn events_appear_and_the_table_and_the_picture_follow() {
    let hub = Hub::new();
    let till = hub.listener::<Custom<Cart>>().name("till").listen(|_| ());
    let browser = Chromium::start().await;
    browser.open(&format!("http://{}", open(&hub).await)).await;
    shows(&browser, "#state", "Connected.").await;

    hub.publish::<Custom<Cart>>(CartEvent::ItemAdded { sku: "tea" });
    shows(
        &browser,
        "#lines tr td:nth-child(4)",
        r#"{"itemAdded":{"sku":"tea"}}"#,
    )
    .await;
    hub.publish::<Custom<Cart>>(CartEvent::CheckedOut);
    shows(
        &browser,
        "#lines tr:first-child td:nth-child(4)",
        r#""checkedOut""#,
    )
    .await;
    shows(
        &browser,
        "#received",
        "2 received. The newest 500 are kept.",
    )
    .await;

    let rows = "#listeners tbody";
    shows(
        &browser,
        rows,
        "cart 2 published\ntill queued 2 0 0 0\nan open page queued 2 0 0 0",
    )
    .await;
    drop(till);
    shows(
        &browser,
        rows,
        "cart 2 published\nan open page queued 2 0 0 0",
    )
    .await;
    let picture = browser.find("#picture svg").await;
    let words = picture.attr("aria-label").await.unwrap().unwrap();
    assert_eq!(words, "cart goes to an open page.");
    // The line that has published the first event and that of the second, the channel, the page.
    assert_eq!(browser.count("#picture svg rect").await, 4);
    assert_eq!(browser.count("#picture svg path").await, 3);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a browser: tests/run servers installs it"]
async fn a_second_page_works_and_a_closed_one_listens_no_more() {
    let hub = Hub::new();
    let cart = hub.publisher::<Custom<Cart>>();
    let address = format!("http://{}", open(&hub).await);
    let browser = Chromium::start().await;
    browser.open(&address).await;
    let first = browser.tab.window().await.unwrap();
    listen(&hub, 1).await;

    let second = browser.tab.new_window(true).await.unwrap().handle;
    browser.tab.switch_to_window(second).await.unwrap();
    browser.open(&address).await;
    listen(&hub, 2).await;
    cart.publish(CartEvent::CheckedOut);
    shows(
        &browser,
        "#received",
        "1 received. The newest 500 are kept.",
    )
    .await;

    browser.tab.close_window().await.unwrap();
    listen(&hub, 1).await;
    browser.tab.switch_to_window(first).await.unwrap();
    shows(
        &browser,
        "#received",
        "1 received. The newest 500 are kept.",
    )
    .await;
    browser.open("about:blank").await;
    listen(&hub, 0).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a browser: tests/run servers installs it"]
async fn markup_is_text_and_a_payload_that_is_not_shown_is_a_dash() {
    let hub = Hub::new();
    let markup =
        "</code><img src=x onerror='document.title = 1'><script>document.title = 1</script>";
    let _listener = hub.listener::<Custom<Cart>>().name(markup).listen(|_| ());
    let browser = Chromium::start().await;
    browser.open(&format!("http://{}", open(&hub).await)).await;
    shows(&browser, "#state", "Connected.").await;
    hub.publish::<Custom<Cart>>(CartEvent::ItemAdded { sku: markup });
    let payload = format!(r#"{{"itemAdded":{{"sku":"{markup}"}}}}"#);
    shows(&browser, "#lines code", &payload).await;
    hub.publish::<Custom<Letters>>("not to be shown".to_owned());
    shows(&browser, "#lines tr:first-child td:nth-child(4)", "—").await;
    shows(&browser, "#listeners td", markup).await;
    assert_eq!(browser.count("img").await, 0);
    assert_eq!(browser.tab.title().await.unwrap(), "Hub at work");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a browser: tests/run servers installs it"]
async fn a_flood_is_counted_and_the_newest_are_kept() {
    const EVENTS: u64 = 50_000;

    let hub = Hub::new();
    let browser = Chromium::start().await;
    browser.open(&format!("http://{}", open(&hub).await)).await;
    shows(&browser, "#state", "Connected.").await;
    for _ in 0..EVENTS {
        hub.publish::<Custom<Cart>>(CartEvent::CheckedOut);
    }
    hub.flush();
    // Those that came and those that the page was too slow for are all.
    let sum = "return received + lost";
    let since = Instant::now();
    loop {
        let told = browser.tab.execute(sum, Vec::new()).await.unwrap();
        if told == EVENTS {
            break;
        }
        assert!(since.elapsed() < PATIENCE, "{told} of {EVENTS}");
    }
    let received = browser.tab.execute("return received", Vec::new()).await;
    let received = received.unwrap().as_u64().unwrap();
    assert_eq!(browser.count("#lines tr").await as u64, received.min(500));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a browser: tests/run servers installs it"]
async fn a_paused_page_holds_events_and_shows_them_when_it_resumes() {
    let hub = Hub::new();
    let browser = Chromium::start().await;
    browser.open(&format!("http://{}", open(&hub).await)).await;
    shows(&browser, "#state", "Connected.").await;
    browser.click("#pause").await;
    hub.publish::<Custom<Cart>>(CartEvent::CheckedOut);
    let held = "1 received. The newest 500 are kept. 1 wait until you resume.";
    shows(&browser, "#received", held).await;
    assert_eq!(browser.count("#lines tr").await, 0);
    browser.click("#pause").await;
    shows(&browser, "#lines code", r#""checkedOut""#).await;

    drop(hub);
    shows(&browser, "#state", "The hub has ended.").await;
}

/// Waits until an element shows this text.
async fn shows(browser: &Chromium, element: &str, text: &str) {
    let script = "return document.querySelector(arguments[0])?.innerText.replaceAll('\\t', ' ')";
    let since = Instant::now();
    loop {
        let arguments = vec![element.into()];
        let shown = browser.tab.execute(script, arguments).await.unwrap();
        if shown == text {
            return;
        }
        let late = since.elapsed() > PATIENCE;
        assert!(!late, "{element} shows {shown}, not {text}");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

impl Chromium {
    /// How many elements there are.
    async fn count(&self, element: &str) -> usize {
        let elements = self.tab.find_all(fantoccini::Locator::Css(element)).await;
        elements.unwrap().len()
    }
}
