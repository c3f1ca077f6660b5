//! Converts the service's challenges to ours.

use std::collections::HashMap;

use aws_sdk_cognitoidentityprovider::types::ChallengeNameType as Name;
use serde::{Deserialize, Serialize};

use super::failure::{sanitize, sanitize_name, unanswerable, unreadable};
use super::sign_in::Begun;
use crate::auth::error::ProviderError;
use crate::auth::provider::challenge::{Answer, Challenge, FirstFactor, MfaMethod};
use crate::auth::secret::Continuation;

type Parameters = HashMap<String, String>;

/// The service's state of a sign-in.
#[derive(Deserialize, Serialize)]
pub(super) struct ChallengeState {
    pub(super) name: String,
    pub(super) session: Option<String>,
    /// The service's name for the user from here on.
    pub(super) username: String,
    /// Whether the service takes the password by SRP only.
    pub(super) password_by_srp: bool,
    pub(super) begun: Begun,
}

impl ChallengeState {
    pub(super) fn to_continuation(&self) -> Continuation {
        serde_json::to_string(self).unwrap_or_default().into()
    }

    pub(super) fn from_continuation(continuation: &Continuation) -> Option<Self> {
        serde_json::from_str(continuation.expose()).ok()
    }
}

/// Converts a challenge of the service, if it can be answered.
pub(super) fn to_challenge(
    name: &Name,
    parameters: &Parameters,
    available: &[Name],
) -> Result<Challenge, ProviderError> {
    let destination = || destination(parameters.get("CODE_DELIVERY_DESTINATION").cloned());
    Ok(match name {
        Name::CustomChallenge => Challenge::Custom {
            parameters: parameters.clone().into_iter().collect(),
        },
        Name::NewPasswordRequired => Challenge::NewPassword {
            missing_attributes: list(parameters, "requiredAttributes")
                .into_iter()
                .map(|name| name.trim_start_matches("userAttributes.").to_owned())
                .filter(|name| !name.is_empty() && sanitize(name) == *name)
                .collect(),
        },
        Name::SelectMfaType => Challenge::SelectMfa {
            allowed: known(
                "second factors",
                &list(parameters, "MFAS_CAN_CHOOSE"),
                |name| mfa(name),
            )?,
        },
        Name::SelectChallenge => Challenge::SelectFirstFactor {
            available: known("first factors", available, first_factor)?,
        },
        Name::SoftwareTokenMfa => Challenge::TotpCode,
        Name::SmsMfa | Name::SmsOtp => Challenge::SmsCode {
            destination: destination(),
        },
        Name::EmailOtp => Challenge::EmailCode {
            destination: destination(),
        },
        Name::Password | Name::PasswordSrp => Challenge::Password,
        Name::WebAuthn => Challenge::Passkey {
            options: parameters
                .get("CREDENTIAL_REQUEST_OPTIONS")
                .cloned()
                .ok_or_else(|| unreadable("there are no options for a passkey"))?,
        },
        other => {
            let name = sanitize_name(other.as_str());
            let message = format!("the service asks for {name}, which cannot be answered here");
            return Err(unanswerable(&message));
        }
    })
}

/// Where a code was sent to, as it may be shown.
pub(super) fn destination(said: Option<String>) -> Option<String> {
    let shown = said.map(|destination| sanitize(&destination));
    shown.filter(|destination| !destination.trim().is_empty())
}

/// The second factors that a user can set up here. If the service names none, it means an
/// authenticator application.
pub(super) fn can_set_up(parameters: &Parameters) -> Result<Vec<MfaMethod>, ProviderError> {
    let named = list(parameters, "MFAS_CAN_SETUP");
    if named.is_empty() {
        return Ok(vec![MfaMethod::Totp]);
    }
    // A phone number is set up outside a sign-in.
    known("second factors to set up", &named, |name| {
        mfa(name).filter(|method| *method != MfaMethod::Sms)
    })
}

/// Converts the names that are known here, each once. It is an error if none is.
fn known<N: AsRef<str>, T: PartialEq>(
    what: &str,
    names: &[N],
    convert: impl Fn(&N) -> Option<T>,
) -> Result<Vec<T>, ProviderError> {
    let mut all = Vec::new();
    for choice in names.iter().filter_map(convert) {
        if !all.contains(&choice) {
            all.push(choice);
        }
    }
    if all.is_empty() {
        let names: Vec<_> = names
            .iter()
            .map(|name| sanitize_name(name.as_ref()))
            .take(16)
            .collect();
        let message = format!(
            "the service offers these {what}, none of which can be used here: {}",
            names.join(", ")
        );
        return Err(unanswerable(&message));
    }
    Ok(all)
}

/// The service's name for a first factor.
pub(super) const fn name_of(factor: FirstFactor) -> &'static str {
    match factor {
        FirstFactor::Password => "PASSWORD",
        FirstFactor::SmsCode => "SMS_OTP",
        FirstFactor::EmailCode => "EMAIL_OTP",
        FirstFactor::Passkey => "WEB_AUTHN",
    }
}

fn first_factor(name: &Name) -> Option<FirstFactor> {
    match name {
        Name::Password | Name::PasswordSrp => Some(FirstFactor::Password),
        Name::SmsOtp => Some(FirstFactor::SmsCode),
        Name::EmailOtp => Some(FirstFactor::EmailCode),
        Name::WebAuthn => Some(FirstFactor::Passkey),
        _ => None,
    }
}

/// Converts an answer to the parameters of this challenge.
pub(super) fn to_responses(name: &str, answer: &Answer) -> Option<Vec<(String, String)>> {
    let one = |key: &str, value: &str| Some(vec![(key.to_owned(), value.to_owned())]);
    match (name, answer) {
        ("SOFTWARE_TOKEN_MFA", Answer::Code(code)) => one("SOFTWARE_TOKEN_MFA_CODE", code.expose()),
        ("SMS_MFA", Answer::Code(code)) => one("SMS_MFA_CODE", code.expose()),
        ("SMS_OTP", Answer::Code(code)) => one("SMS_OTP_CODE", code.expose()),
        ("EMAIL_OTP", Answer::Code(code)) => one("EMAIL_OTP_CODE", code.expose()),
        ("CUSTOM_CHALLENGE", Answer::Custom(answer)) => one("ANSWER", answer.expose()),
        ("SELECT_MFA_TYPE", Answer::Mfa(method)) => one(
            "ANSWER",
            match method {
                MfaMethod::Totp => "SOFTWARE_TOKEN_MFA",
                MfaMethod::Sms => "SMS_MFA",
                MfaMethod::Email => "EMAIL_OTP",
            },
        ),
        ("SELECT_CHALLENGE", Answer::FirstFactor(factor)) => one("ANSWER", name_of(*factor)),
        ("SELECT_CHALLENGE", Answer::Password(password)) => Some(vec![
            ("ANSWER".to_owned(), "PASSWORD".to_owned()),
            ("PASSWORD".to_owned(), password.expose().to_owned()),
        ]),
        ("WEB_AUTHN", Answer::Passkey(credential)) => one("CREDENTIAL", credential.expose()),
        ("MFA_SETUP", Answer::Email(address)) => one("EMAIL", address),
        ("PASSWORD", Answer::Password(password)) => one("PASSWORD", password.expose()),
        (
            "NEW_PASSWORD_REQUIRED",
            Answer::NewPassword {
                password,
                attributes,
            },
        ) => {
            let named = |(name, value): (&String, &String)| {
                (format!("userAttributes.{name}"), value.clone())
            };
            let mut responses: Vec<_> = attributes.iter().map(named).collect();
            responses.push(("NEW_PASSWORD".to_owned(), password.expose().to_owned()));
            Some(responses)
        }
        _ => None,
    }
}

fn mfa(name: &str) -> Option<MfaMethod> {
    match name {
        "SOFTWARE_TOKEN_MFA" => Some(MfaMethod::Totp),
        "SMS_MFA" => Some(MfaMethod::Sms),
        "EMAIL_OTP" => Some(MfaMethod::Email),
        _ => None,
    }
}

/// Parses a list, which the service sends as JSON text.
fn list(parameters: &Parameters, name: &str) -> Vec<String> {
    let text = parameters.get(name).map_or("[]", String::as_str);
    serde_json::from_str(text).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_first_factor_is_offered_once_and_only_if_it_can_be_used() {
        let named = [
            Name::PasswordSrp,
            Name::EmailOtp,
            Name::WebAuthn,
            Name::Password,
            Name::DeviceSrpAuth,
        ];
        let offered = to_challenge(&Name::SelectChallenge, &Parameters::new(), &named);
        let available = vec![
            FirstFactor::Password,
            FirstFactor::EmailCode,
            FirstFactor::Passkey,
        ];
        assert_eq!(offered, Ok(Challenge::SelectFirstFactor { available }));
    }

    #[test]
    fn what_cannot_be_answered_is_named() {
        let parameters = |name: &str, list: &str| [(name.to_owned(), list.to_owned())].into();
        let dance = Name::from("DANCE");
        for (name, parameters, available, named) in [
            (
                Name::DeviceSrpAuth,
                Parameters::new(),
                vec![],
                "DEVICE_SRP_AUTH",
            ),
            (dance.clone(), Parameters::new(), vec![], "DANCE"),
            (
                Name::SelectChallenge,
                Parameters::new(),
                vec![dance],
                "DANCE",
            ),
            (
                Name::SelectMfaType,
                parameters("MFAS_CAN_CHOOSE", "[\"CARRIER_PIGEON\"]"),
                vec![],
                "CARRIER_PIGEON",
            ),
        ] {
            let error = to_challenge(&name, &parameters, &available).unwrap_err();
            assert_eq!(error.name, "Unsupported");
            assert!(error.message.contains(named), "{error}");
        }
        let only = parameters("MFAS_CAN_SETUP", "[\"SMS_MFA\"]");
        let error = can_set_up(&only).unwrap_err();
        assert!(error.message.contains("SMS_MFA"), "{error}");
    }

    #[test]
    fn what_can_be_set_up_is_what_the_service_says() {
        let set_up = |list: &str| {
            can_set_up(&[("MFAS_CAN_SETUP".to_owned(), list.to_owned())].into()).unwrap()
        };
        assert_eq!(can_set_up(&Parameters::new()), Ok(vec![MfaMethod::Totp]));
        assert_eq!(set_up("[\"SOFTWARE_TOKEN_MFA\"]"), [MfaMethod::Totp]);
        assert_eq!(set_up("[\"EMAIL_OTP\",\"SMS_MFA\"]"), [MfaMethod::Email]);
        assert_eq!(
            set_up("[\"SOFTWARE_TOKEN_MFA\",\"EMAIL_OTP\"]"),
            [MfaMethod::Totp, MfaMethod::Email]
        );
    }
}
