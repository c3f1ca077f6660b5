//! Sign-in: by SRP, by password, by challenges.

use aws_cognito_srp::{SrpClient, User};
use aws_sdk_cognitoidentityprovider::types::{
    AuthFlowType, AuthenticationResultType, ChallengeNameType,
};

use std::collections::HashMap;

use super::CognitoProvider;
use super::challenge::{ChallengeState, first_factors, to_challenge, to_responses};
use super::failure::{service_error, unreadable, unsupported};
use super::options::CognitoFlow;
use super::tokens::read_tokens;
use crate::auth::error::ProviderError;
use crate::auth::provider::SignInReply;
use crate::auth::provider::challenge::{Answer, Challenge, FirstFactor, OpenChallenge};
use crate::auth::secret::Password;

/// The service's reply to a step of a sign-in.
#[derive(Default)]
struct Reply {
    result: Option<AuthenticationResultType>,
    name: Option<ChallengeNameType>,
    session: Option<String>,
    parameters: HashMap<String, String>,
    available: Vec<ChallengeNameType>,
}

impl CognitoProvider {
    pub(super) async fn initiate(
        &self,
        username: &str,
        password: Option<&Password>,
    ) -> Result<SignInReply, ProviderError> {
        let srp = password.map(|password| self.srp(username, password));
        let mut parameters = vec![("USERNAME", username.to_owned())];
        let flow = match (self.inner.flow, password, &srp) {
            (CognitoFlow::Srp, Some(_), Some(srp)) => {
                parameters.push(("SRP_A", srp.get_auth_parameters().a));
                AuthFlowType::UserSrpAuth
            }
            (CognitoFlow::Password, Some(password), _) => {
                parameters.push(("PASSWORD", password.expose().to_owned()));
                AuthFlowType::UserPasswordAuth
            }
            (CognitoFlow::Choice, password, _) => {
                if let Some(password) = password {
                    parameters.push(("PREFERRED_CHALLENGE", "PASSWORD".to_owned()));
                    parameters.push(("PASSWORD", password.expose().to_owned()));
                }
                AuthFlowType::UserAuth
            }
            (CognitoFlow::Custom, _, srp) => {
                if let Some(srp) = srp {
                    parameters.push(("CHALLENGE_NAME", "SRP_A".to_owned()));
                    parameters.push(("SRP_A", srp.get_auth_parameters().a));
                }
                AuthFlowType::CustomAuth
            }
            (CognitoFlow::Srp | CognitoFlow::Password, None, _)
            | (CognitoFlow::Srp, Some(_), None) => {
                return Err(unsupported(
                    "this flow takes a password: choose another flow",
                ));
            }
        };
        if let Some(hash) = self.secret_hash(username) {
            parameters.push(("SECRET_HASH", hash));
        }
        let begun = self
            .inner
            .client
            .initiate_auth()
            .auth_flow(flow)
            .client_id(&self.inner.client_id)
            .set_auth_parameters(Some(owned(parameters)))
            .send()
            .await;
        let reply = match begun {
            Ok(begun) => Reply {
                result: begun.authentication_result,
                name: begun.challenge_name,
                session: begun.session,
                parameters: begun.challenge_parameters.unwrap_or_default(),
                available: begun.available_challenges.unwrap_or_default(),
            },
            Err(error) => return challenge_or_error(username, service_error(error)),
        };
        match (&reply.name, srp) {
            (Some(ChallengeNameType::PasswordVerifier), Some(srp)) => {
                self.prove_password(username, &srp, reply).await
            }
            _ => {
                self.next_challenge(username, username.to_owned(), reply)
                    .await
            }
        }
    }

    /// Proves knowledge of the password without sending it.
    async fn prove_password(
        &self,
        username: &str,
        srp: &SrpClient<User>,
        reply: Reply,
    ) -> Result<SignInReply, ProviderError> {
        let parameter = |name| reply.parameters.get(name).map_or("", String::as_str);
        let id = parameter("USER_ID_FOR_SRP").to_owned();
        let proof = srp
            .verify(
                parameter("SECRET_BLOCK"),
                &id,
                parameter("SALT"),
                parameter("SRP_B"),
            )
            .map_err(|_| unreadable("the SRP parameters cannot be read"))?;
        let responses = [
            (
                "PASSWORD_CLAIM_SECRET_BLOCK",
                proof.password_claim_secret_block,
            ),
            ("PASSWORD_CLAIM_SIGNATURE", proof.password_claim_signature),
            ("TIMESTAMP", proof.timestamp),
        ];
        let state = ChallengeState {
            name: "PASSWORD_VERIFIER".to_owned(),
            session: reply.session,
            username: id,
        };
        match self.respond(&state, owned(responses)).await {
            Ok(reply) => self.next_challenge(username, state.username, reply).await,
            Err(error) => challenge_or_error(username, error),
        }
    }

    pub(super) async fn answer_challenge(
        &self,
        open: &OpenChallenge,
        answer: &Answer,
    ) -> Result<SignInReply, ProviderError> {
        let mut state = ChallengeState::from_continuation(&open.continuation)
            .ok_or_else(|| unsupported("this sign-in was begun by another provider"))?;
        if let (Challenge::SelectFirstFactor { .. }, Answer::FirstFactor(FirstFactor::Password)) =
            (&open.challenge, answer)
        {
            // For the service, choosing the password and sending it is one step.
            return Ok(SignInReply::Challenged(OpenChallenge {
                challenge: Challenge::Password,
                ..open.clone()
            }));
        }
        let responses = match (&*state.name, answer) {
            ("MFA_SETUP", Answer::Code(code)) => {
                let verified = self
                    .inner
                    .client
                    .verify_software_token()
                    .set_session(state.session.clone())
                    .user_code(code.expose())
                    .send()
                    .await
                    .map_err(service_error)?;
                state.session = verified.session;
                HashMap::new()
            }
            _ => to_responses(&state.name, answer)
                .ok_or_else(|| unsupported("the service takes no such answer here"))?
                .into_iter()
                .collect(),
        };
        match self.respond(&state, responses).await {
            Ok(reply) => {
                self.next_challenge(&open.username, state.username, reply)
                    .await
            }
            Err(error) => challenge_or_error(&open.username, error),
        }
    }

    async fn respond(
        &self,
        state: &ChallengeState,
        mut responses: HashMap<String, String>,
    ) -> Result<Reply, ProviderError> {
        responses.insert("USERNAME".to_owned(), state.username.clone());
        if let Some(hash) = self.secret_hash(&state.username) {
            responses.insert("SECRET_HASH".to_owned(), hash);
        }
        let reply = self
            .inner
            .client
            .respond_to_auth_challenge()
            .client_id(&self.inner.client_id)
            .challenge_name(ChallengeNameType::from(&*state.name))
            .set_session(state.session.clone())
            .set_challenge_responses(Some(responses))
            .send()
            .await
            .map_err(service_error)?;
        Ok(Reply {
            result: reply.authentication_result,
            name: reply.challenge_name,
            session: reply.session,
            parameters: reply.challenge_parameters.unwrap_or_default(),
            available: reply.available_challenges.unwrap_or_default(),
        })
    }

    /// Returns the tokens or the next challenge. `known_as` is the service's name for the user.
    async fn next_challenge(
        &self,
        username: &str,
        known_as: String,
        mut reply: Reply,
    ) -> Result<SignInReply, ProviderError> {
        if let Some(result) = reply.result {
            let (user, tokens) = read_tokens(result)?;
            return Ok(SignInReply::SignedIn { user, tokens });
        }
        let name = reply
            .name
            .ok_or_else(|| unreadable("neither tokens nor a challenge"))?;
        let challenge = match &name {
            ChallengeNameType::MfaSetup => {
                let set_up = self
                    .inner
                    .client
                    .associate_software_token()
                    .set_session(reply.session)
                    .send()
                    .await
                    .map_err(service_error)?;
                reply.session = set_up.session;
                let key = set_up
                    .secret_code
                    .ok_or_else(|| unreadable("there is no key"))?;
                Challenge::SetUpTotp { key: key.into() }
            }
            ChallengeNameType::SelectChallenge => first_factors(&reply.available),
            name => to_challenge(name, &reply.parameters)
                .ok_or_else(|| unsupported("the service asks what this crate does not know"))?,
        };
        let known_as = reply
            .parameters
            .get("USER_ID_FOR_SRP")
            .cloned()
            .unwrap_or(known_as);
        let state = ChallengeState {
            name: name.as_str().to_owned(),
            session: reply.session,
            username: known_as,
        };
        Ok(SignInReply::Challenged(OpenChallenge {
            username: username.to_owned(),
            challenge,
            continuation: state.to_continuation(),
        }))
    }

    fn srp(&self, username: &str, password: &Password) -> SrpClient<User> {
        let user = User::new(&self.inner.user_pool_id, username, password.expose());
        SrpClient::new(user, &self.inner.client_id, self.secret())
    }

    /// The secret hash for this user name, if the app client has a secret.
    pub(super) fn secret_hash(&self, username: &str) -> Option<String> {
        let user = User::new(&self.inner.user_pool_id, username, "");
        SrpClient::new(user, &self.inner.client_id, self.secret()).get_secret_hash()
    }
}

/// Converts two errors of a sign-in to challenges.
fn challenge_or_error(username: &str, error: ProviderError) -> Result<SignInReply, ProviderError> {
    let challenge = match &*error.name {
        "UserNotConfirmedException" => Challenge::ConfirmSignUp,
        "PasswordResetRequiredException" => Challenge::ResetPassword,
        _ => return Err(error),
    };
    Ok(SignInReply::Challenged(OpenChallenge {
        username: username.to_owned(),
        challenge,
        continuation: "".into(),
    }))
}

fn owned(parameters: impl IntoIterator<Item = (&'static str, String)>) -> HashMap<String, String> {
    let owned = |(name, value): (&str, String)| (name.to_owned(), value);
    parameters.into_iter().map(owned).collect()
}
