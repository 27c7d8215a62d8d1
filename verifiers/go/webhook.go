// Package webhook verifies webhooks: Standard Webhooks, or the signature rules of another contract. One file, to copy.
//
//	body, _ := io.ReadAll(http.MaxBytesReader(w, r.Body, 5<<20))
//	err := webhook.Verify(body, r.Header, []string{os.Getenv("WEBHOOK_SECRET")}, webhook.Options{})
package webhook

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Nobody signs with so many secrets at a time: a longer list is there to keep the processor busy.
const signaturesMax = 20

// Signature holds the rules of a contract: "signature" of its contract.json.
type Signature struct {
	Scheme   string `json:"scheme"`
	Version  string `json:"version"`
	Header   string `json:"header"`
	Hash     string `json:"hash"`
	Encoding string `json:"encoding"`
	Prefix   string `json:"prefix"`
	Secret   struct {
		Prefix   string `json:"prefix"`
		Encoding string `json:"encoding"`
		Key      string `json:"key"`
	} `json:"secret"`
}

// Options of Verify. The zero value is Standard Webhooks with a tolerance of five minutes.
type Options struct {
	Signature Signature
	Tolerance time.Duration
	Now       time.Time
}

// Error says why a request is not to be trusted: answer it with 400.
type Error struct {
	// Reason is header_missing, header_malformed, timestamp_too_old, timestamp_too_new or signature_mismatch.
	Reason  string
	Message string
}

func (e *Error) Error() string { return e.Reason + ": " + e.Message }

type kind int

const (
	hmacKind kind = iota
	ed25519Kind
)

type typed struct {
	kind  kind
	bytes []byte
}

type received struct {
	content    []byte
	signatures []typed
	// nil where the scheme signs no time
	at *time.Time
}

// Verify returns nil when the request verifies, an *Error when it does not, and another error for a secret that is none of the contract.
// body is what arrived, byte for byte; secrets is one, or several during a rotation.
func Verify(body []byte, headers http.Header, secrets []string, options Options) error {
	rules := options.Signature
	if rules.Scheme == "" {
		rules.Scheme = "standard-webhooks"
	}
	if rules.Header == "" {
		rules.Header = "webhook-signature"
	}
	var keys []typed
	for _, secret := range secrets {
		key, err := keyOf(secret, rules)
		if err != nil {
			return err
		}
		keys = append(keys, key)
	}
	got, err := read(body, headers, rules)
	if err != nil {
		return err
	}
	if err := checkTime(got.at, options); err != nil {
		return err
	}
	if len(got.signatures) > signaturesMax {
		got.signatures = got.signatures[:signaturesMax]
	}
	for _, signature := range got.signatures {
		for _, key := range keys {
			if signature.kind == key.kind && fits(signature, key, got.content, rules) {
				return nil
			}
		}
	}
	return &Error{"signature_mismatch", "another secret, or not byte for byte the body that arrived"}
}

func checkTime(at *time.Time, options Options) error {
	if at == nil {
		return nil
	}
	tolerance, now := options.Tolerance, options.Now
	if tolerance == 0 {
		tolerance = 5 * time.Minute
	}
	if now.IsZero() {
		now = time.Now()
	}
	age := now.Sub(*at)
	if age > tolerance {
		return &Error{"timestamp_too_old", fmt.Sprintf("the request was signed %s ago", age)}
	}
	if age < -tolerance {
		return &Error{"timestamp_too_new", "the request was signed in the future"}
	}
	return nil
}

func read(body []byte, headers http.Header, rules Signature) (received, error) {
	switch rules.Scheme {
	case "standard-webhooks":
		return readStandard(body, headers, rules)
	case "hmac":
		given, err := required(headers, rules.Header)
		if err != nil {
			return received{}, err
		}
		text, hasPrefix := strings.CutPrefix(strings.TrimSpace(given), rules.Prefix)
		value, ok := decode(text, rules.Encoding)
		if !hasPrefix || !ok {
			return received{}, malformed(rules.Header)
		}
		return received{content: body, signatures: []typed{{hmacKind, value}}}, nil
	case "timestamped-hmac":
		return readTimestamped(body, headers, rules)
	}
	return received{}, errors.New("this contract does not sign")
}

func readStandard(body []byte, headers http.Header, rules Signature) (received, error) {
	var values [3]string
	// svix-id goes with svix-signature.
	prefix := rules.Header[:len(rules.Header)-len("signature")]
	for i, name := range []string{prefix + "id", prefix + "timestamp", rules.Header} {
		value, err := required(headers, name)
		if err != nil {
			return received{}, err
		}
		values[i] = value
	}
	at, err := seconds(values[1], prefix+"timestamp")
	if err != nil {
		return received{}, err
	}
	var signatures []typed
	for _, entry := range strings.Split(values[2], " ") {
		version, text, _ := strings.Cut(entry, ",")
		value, ok := decode(text, "base64")
		if ok && version == "v1" {
			signatures = append(signatures, typed{hmacKind, value})
		} else if ok && version == "v1a" {
			signatures = append(signatures, typed{ed25519Kind, value})
		}
	}
	if len(signatures) == 0 {
		return received{}, malformed(rules.Header)
	}
	content := append([]byte(values[0]+"."+values[1]+"."), body...)
	return received{content, signatures, &at}, nil
}

func readTimestamped(body []byte, headers http.Header, rules Signature) (received, error) {
	given, err := required(headers, rules.Header)
	if err != nil {
		return received{}, err
	}
	timestamp, version := "", rules.Version
	if version == "" {
		version = "v1"
	}
	var signatures []typed
	for _, entry := range strings.Split(given, ",") {
		name, text, _ := strings.Cut(strings.TrimSpace(entry), "=")
		if name == "t" && timestamp == "" {
			timestamp = text
		} else if value, ok := decode(text, rules.Encoding); ok && name == version {
			signatures = append(signatures, typed{hmacKind, value})
		}
	}
	if len(signatures) == 0 {
		return received{}, malformed(rules.Header)
	}
	at, err := seconds(timestamp, rules.Header)
	if err != nil {
		return received{}, err
	}
	return received{append([]byte(timestamp+"."), body...), signatures, &at}, nil
}

func keyOf(secret string, rules Signature) (typed, error) {
	if rules.Scheme == "standard-webhooks" {
		if text, ok := strings.CutPrefix(secret, "whpk_"); ok {
			if key, ok := decodeSecret(text, "base64"); ok && len(key) == ed25519.PublicKeySize {
				return typed{ed25519Kind, key}, nil
			}
		}
		if text, ok := strings.CutPrefix(secret, "whsec_"); ok {
			if key, ok := decodeSecret(text, "base64"); ok && len(key) > 0 {
				return typed{hmacKind, key}, nil
			}
		}
		return typed{}, errors.New("a secret is whsec_ or whpk_ and base64")
	}
	text, hasPrefix := strings.CutPrefix(secret, rules.Secret.Prefix)
	key, ok := decodeSecret(text, rules.Secret.Encoding)
	if rules.Secret.Key == "text" {
		key, ok = []byte(secret), true
	}
	// Anybody can sign with an empty secret.
	if !hasPrefix || !ok || len(key) == 0 {
		return typed{}, fmt.Errorf("a secret of this contract is %q and %s", rules.Secret.Prefix, rules.Secret.Encoding)
	}
	return typed{hmacKind, key}, nil
}

func fits(signature, key typed, content []byte, rules Signature) bool {
	if signature.kind == ed25519Kind {
		return ed25519.Verify(key.bytes, content, signature.bytes)
	}
	var algorithm func() hash.Hash = sha256.New
	switch rules.Hash {
	case "sha1":
		algorithm = sha1.New
	case "sha512":
		algorithm = sha512.New
	}
	mac := hmac.New(algorithm, key.bytes)
	mac.Write(content)
	return hmac.Equal(mac.Sum(nil), signature.bytes)
}

func required(headers http.Header, name string) (string, error) {
	for key, values := range headers {
		if strings.EqualFold(key, name) && len(values) > 0 && values[0] != "" {
			return values[0], nil
		}
	}
	return "", &Error{"header_missing", "the request has no header " + name}
}

func seconds(text, header string) (time.Time, error) {
	value, err := strconv.ParseUint(text, 10, 63)
	if err != nil || len(text) > 12 || strings.HasPrefix(text, "+") {
		return time.Time{}, malformed(header)
	}
	return time.Unix(int64(value), 0), nil
}

func malformed(header string) error {
	return &Error{"header_malformed", "the header " + header + " cannot be read"}
}

// The padding of base64 may be left out.
func decodeSecret(text, encoding string) ([]byte, bool) {
	if encoding == "base64" {
		text += strings.Repeat("=", (4-len(text)%4)%4)
	}
	return decode(text, encoding)
}

func decode(text, encoding string) ([]byte, bool) {
	if encoding == "hex" {
		value, err := hex.DecodeString(text)
		return value, err == nil
	}
	value, err := base64.StdEncoding.DecodeString(text)
	return value, err == nil && !strings.ContainsAny(text, "\r\n")
}
