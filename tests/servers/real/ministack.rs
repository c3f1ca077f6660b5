//! A Cognito user pool on this machine.
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::time::Duration;

use aws_sdk_cognitoidentityprovider::Client;
use aws_sdk_cognitoidentityprovider::config::{BehaviorVersion, Config, Credentials, Region};
use aws_sdk_cognitoidentityprovider::types::{
    ExplicitAuthFlowsType, OAuthFlowType, SoftwareTokenMfaConfigType, SoftwareTokenMfaSettingsType,
    TimeUnitsType, TokenValidityUnitsType, UserPoolMfaType,
};
use typed_hub::auth::cognito::{CognitoFlow, CognitoProvider};

use crate::pages::plain_client;
use crate::server::CognitoServer;

pub(crate) const PASSWORD: &str = "Correct-Horse-7";
pub(crate) const BACK: &str = "http://127.0.0.1:49153/callback";

pub(crate) struct Ministack {
    _server: CognitoServer,
    pub(crate) endpoint: String,
    pub(crate) admin: Client,
}

/// A pool, and an app client of it.
pub(crate) struct Pool {
    pub(crate) id: String,
    pub(crate) client_id: String,
    pub(crate) client_secret: Option<String>,
}

impl Ministack {
    pub(crate) fn start() -> Self {
        let server = CognitoServer::start();
        let config = Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .credentials_provider(Credentials::new("test", "test", None, None, "test"))
            .endpoint_url(&server.endpoint);
        Self {
            endpoint: server.endpoint.clone(),
            _server: server,
            admin: Client::from_conf(config.build()),
        }
    }

    /// A pool whose tokens last an hour.
    pub(crate) async fn pool(&self) -> Pool {
        self.pool_with(false, UserPoolMfaType::Off, 3600).await
    }

    pub(crate) async fn pool_with(
        &self,
        with_secret: bool,
        mfa: UserPoolMfaType,
        access_ttl: i32,
    ) -> Pool {
        let pool = self
            .admin
            .create_user_pool()
            .pool_name("test")
            .send()
            .await
            .unwrap();
        let id = pool.user_pool.unwrap().id.unwrap();
        if mfa != UserPoolMfaType::Off {
            let totp = SoftwareTokenMfaConfigType::builder().enabled(true).build();
            let config = self.admin.set_user_pool_mfa_config().user_pool_id(&id);
            let config = config
                .software_token_mfa_configuration(totp)
                .mfa_configuration(mfa);
            config.send().await.unwrap();
        }
        let units = TokenValidityUnitsType::builder()
            .access_token(TimeUnitsType::Seconds)
            .id_token(TimeUnitsType::Seconds)
            .build();
        let client = self
            .admin
            .create_user_pool_client()
            .user_pool_id(&id)
            .client_name("app")
            .generate_secret(with_secret)
            .explicit_auth_flows(ExplicitAuthFlowsType::AllowUserSrpAuth)
            .explicit_auth_flows(ExplicitAuthFlowsType::AllowUserPasswordAuth)
            .explicit_auth_flows(ExplicitAuthFlowsType::AllowRefreshTokenAuth)
            .access_token_validity(access_ttl)
            .id_token_validity(access_ttl)
            .token_validity_units(units)
            .callback_urls(BACK)
            .logout_urls("http://127.0.0.1:49153/bye")
            .allowed_o_auth_flows(OAuthFlowType::Code)
            .allowed_o_auth_flows_user_pool_client(true)
            .allowed_o_auth_scopes("openid")
            .supported_identity_providers("COGNITO")
            .send()
            .await
            .unwrap()
            .user_pool_client
            .unwrap();
        Pool {
            id,
            client_id: client.client_id.unwrap(),
            client_secret: client.client_secret,
        }
    }

    /// Has the pool's pages send the browser to these addresses.
    pub(crate) async fn register(&self, pool: &Pool, back: &str, bye: &str) {
        let client = self.admin.update_user_pool_client();
        let client = client.user_pool_id(&pool.id).client_id(&pool.client_id);
        let client = client.callback_urls(back).logout_urls(bye);
        client.send().await.unwrap();
    }

    pub(crate) async fn add_user(&self, pool: &Pool, name: &str) {
        self.invite(pool, name).await;
        let set = self
            .admin
            .admin_set_user_password()
            .user_pool_id(&pool.id)
            .username(name);
        set.password(PASSWORD).permanent(true).send().await.unwrap();
    }

    /// A user who must choose a new password.
    pub(crate) async fn invite(&self, pool: &Pool, name: &str) {
        let create = self
            .admin
            .admin_create_user()
            .user_pool_id(&pool.id)
            .username(name);
        create
            .temporary_password("Temporary-7")
            .send()
            .await
            .unwrap();
    }

    /// Gives a user an authenticator application, and returns its key.
    pub(crate) async fn set_up_totp(
        &self,
        pool: &Pool,
        name: &str,
        access: &str,
        code: impl Fn(&str) -> String,
    ) -> String {
        let associate = self.admin.associate_software_token().access_token(access);
        let key = associate.send().await.unwrap().secret_code.unwrap();
        let verify = self.admin.verify_software_token().access_token(access);
        verify.user_code(code(&key)).send().await.unwrap();
        let totp = SoftwareTokenMfaSettingsType::builder()
            .enabled(true)
            .preferred_mfa(true);
        let prefer = self
            .admin
            .admin_set_user_mfa_preference()
            .user_pool_id(&pool.id);
        let prefer = prefer
            .username(name)
            .software_token_mfa_settings(totp.build());
        prefer.send().await.unwrap();
        key
    }

    pub(crate) fn provider(&self, pool: &Pool, flow: CognitoFlow) -> CognitoProvider {
        let options = CognitoProvider::builder()
            .region("us-east-1")
            .user_pool_id(&pool.id)
            .client_id(&pool.client_id)
            .endpoint(&self.endpoint)
            .domain(&self.endpoint)
            .redirect_uris([BACK])
            .logout_uri("http://127.0.0.1:49153/bye")
            .time_limit(Duration::from_secs(20))
            .flow(flow);
        match &pool.client_secret {
            Some(secret) => options.client_secret(secret.as_str()).build(),
            None => options.build(),
        }
    }
}

/// Does what a user does on the pool's own sign-in page, and returns the callback.
pub(crate) async fn visit(page: &str, origin: &str, user: &str) -> String {
    let page = reqwest::Url::parse(page).unwrap();
    let mut form = reqwest::Url::parse(origin).unwrap();
    form.query_pairs_mut()
        .extend_pairs(page.query_pairs())
        .append_pair("username", user)
        .append_pair("password", PASSWORD);
    let filled_in = plain_client()
        .post(format!("{origin}/login"))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(form.query().unwrap().to_owned());
    let response = filled_in.send().await.unwrap();
    let back = response.headers()["location"].to_str().unwrap();
    back.to_owned()
}
