//! A Cognito user pool, by its JSON API: the SDK would be a large dependency of a small package.

use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::{Value, json};

use crate::server::CognitoServer;

pub(crate) const PASSWORD: &str = "Correct-Horse-7";

/// A pool of a server of its own.
pub(crate) struct Pool {
    server: CognitoServer,
    id: String,
}

impl Pool {
    pub(crate) fn start() -> Self {
        let server = CognitoServer::start();
        let created = call(
            &server.endpoint,
            "CreateUserPool",
            &json!({ "PoolName": "test" }),
        );
        let id = created["UserPool"]["Id"].as_str().unwrap().to_owned();
        Self { server, id }
    }

    /// An app client without a secret, whose users come back to this address.
    pub(crate) fn client(&self, back: &str) -> String {
        let client = json!({
            "UserPoolId": self.id,
            "ClientName": "app",
            "CallbackURLs": [back],
            "AllowedOAuthFlows": ["code"],
            "AllowedOAuthFlowsUserPoolClient": true,
            "AllowedOAuthScopes": ["openid", "email"],
            "SupportedIdentityProviders": ["COGNITO"],
        });
        let created = self.call("CreateUserPoolClient", &client);
        let id = created["UserPoolClient"]["ClientId"].as_str();
        id.unwrap().to_owned()
    }

    pub(crate) fn add_user(&self, name: &str) {
        let user = json!({ "UserPoolId": self.id, "Username": name });
        self.call("AdminCreateUser", &user);
        let password = json!({
            "UserPoolId": self.id, "Username": name, "Password": PASSWORD, "Permanent": true,
        });
        self.call("AdminSetUserPassword", &password);
    }

    pub(crate) fn issuer(&self) -> String {
        format!("https://cognito-idp.us-east-1.amazonaws.com/{}", self.id)
    }

    /// On this machine, though its issuer is that of the real service.
    pub(crate) fn discovery_url(&self) -> String {
        let endpoint = &self.server.endpoint;
        format!("{endpoint}/{}/.well-known/openid-configuration", self.id)
    }

    fn call(&self, action: &str, body: &Value) -> Value {
        call(&self.server.endpoint, action, body)
    }
}

fn call(endpoint: &str, action: &str, body: &Value) -> Value {
    let host = endpoint.strip_prefix("http://").unwrap();
    let body = body.to_string();
    let length = body.len();
    let mut stream = TcpStream::connect(host).unwrap();
    write!(
        stream,
        "POST / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\
         X-Amz-Target: AWSCognitoIdentityProviderService.{action}\r\n\
         Authorization: AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/cognito-idp/aws4_request, \
         SignedHeaders=host, Signature=none\r\n\
         Content-Type: application/x-amz-json-1.1\r\nContent-Length: {length}\r\n\r\n{body}"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200"), "{action}: {answer}");
    serde_json::from_str(body).unwrap_or_default()
}
