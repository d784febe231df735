package webhooks

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Tolerance is how far a signature's time may lie from now, either way: Stripe's own libraries have the same.
const Tolerance = 300 * time.Second

// What is wrong with a request. None of them repeats what was sent or what was expected.
var (
	ErrCredentials = errors.New("the user or the password is not the vendor's")
	ErrHeader      = errors.New("the header Stripe-Signature is missing or not in the form t=SECONDS,v1=HEX")
	ErrSignature   = errors.New("no signature in the header belongs to this body")
	ErrTime        = errors.New("the signature's time is too far from now")
)

// checkSignature proves that the holder of secret signed body not long ago: https://docs.stripe.com/webhooks/signature
func checkSignature(header string, body []byte, secret string, now time.Time) error {
	stamp, signatures, err := parseSignature(header)
	if err != nil {
		return err
	}
	seconds, err := strconv.ParseInt(stamp, 10, 64)
	if err != nil {
		return ErrHeader
	}
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(stamp + "."))
	mac.Write(body)
	expected := mac.Sum(nil)
	genuine := false
	for _, signature := range signatures {
		genuine = hmac.Equal(signature, expected) || genuine
	}
	if !genuine || secret == "" {
		return ErrSignature
	}
	limit := int64(Tolerance / time.Second)
	if seconds < now.Unix()-limit || seconds > now.Unix()+limit {
		return ErrTime
	}
	return nil
}

// parseSignature takes the header apart. There are several signatures while a secret is changed; other schemes than v1 are ignored.
func parseSignature(header string) (stamp string, signatures [][]byte, err error) {
	for part := range strings.SplitSeq(header, ",") {
		scheme, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		switch scheme {
		case "t":
			if stamp != "" {
				return "", nil, ErrHeader
			}
			stamp = value
		case "v1":
			if signature, err := hex.DecodeString(value); err == nil {
				signatures = append(signatures, signature)
			}
		}
	}
	if stamp == "" || len(signatures) == 0 {
		return "", nil, ErrHeader
	}
	return stamp, signatures, nil
}

// checkBasic proves that a request bears the vendor's user and password (RFC 7617).
func checkBasic(authorization, user, password string) error {
	request := http.Request{Header: http.Header{"Authorization": {authorization}}}
	gotUser, gotPassword, given := request.BasicAuth()
	// Both are compared, whatever the first comparison says.
	right := same(gotUser, user) & same(gotPassword, password)
	if !given || right != 1 || user == "" || password == "" {
		return ErrCredentials
	}
	return nil
}

// same compares in a time that tells neither where two texts differ nor how long the secret one is.
func same(got, expected string) int {
	a, b := sha256.Sum256([]byte(got)), sha256.Sum256([]byte(expected))
	return subtle.ConstantTimeCompare(a[:], b[:])
}
