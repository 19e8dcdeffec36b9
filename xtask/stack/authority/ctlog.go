package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"net/http"
	"time"

	ct "github.com/google/certificate-transparency-go"
	"github.com/google/certificate-transparency-go/tls"
)

// newCertificateLog answers submissions with a promise that is properly signed (RFC 6962, section 3.2), and keeps
// nothing: verifiers check the promise, not the log.
func newCertificateLog(key *ecdsa.PrivateKey) http.Handler {
	id := sha256.Sum256(must(x509.MarshalPKIXPublicKey(key.Public())))
	promise := func(entry ct.LogEntryType) http.HandlerFunc {
		return func(answer http.ResponseWriter, request *http.Request) {
			var submitted ct.AddChainRequest
			if err := json.NewDecoder(request.Body).Decode(&submitted); err != nil {
				http.Error(answer, err.Error(), http.StatusBadRequest)
				return
			}
			response, err := sign(key, id, entry, submitted.Chain)
			if err != nil {
				http.Error(answer, err.Error(), http.StatusBadRequest)
				return
			}
			answer.Header().Set("Content-Type", "application/json")
			check(json.NewEncoder(answer).Encode(response))
		}
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/ct/v1/add-chain", promise(ct.X509LogEntryType))
	mux.HandleFunc("/ct/v1/add-pre-chain", promise(ct.PrecertLogEntryType))
	return mux
}

func sign(key *ecdsa.PrivateKey, id [32]byte, entry ct.LogEntryType, submitted [][]byte) (*ct.AddChainResponse, error) {
	chain := make([]ct.ASN1Cert, len(submitted))
	for at, der := range submitted {
		chain[at] = ct.ASN1Cert{Data: der}
	}
	now := uint64(time.Now().UnixMilli())
	leaf, err := ct.MerkleTreeLeafFromRawChain(chain, entry, now)
	if err != nil {
		return nil, err
	}
	unsigned := ct.SignedCertificateTimestamp{SCTVersion: ct.V1, LogID: ct.LogID{KeyID: id}, Timestamp: now}
	input, err := ct.SerializeSCTSignatureInput(unsigned, ct.LogEntry{Leaf: *leaf})
	if err != nil {
		return nil, err
	}
	digest := sha256.Sum256(input)
	signed, err := key.Sign(rand.Reader, digest[:], crypto.SHA256)
	if err != nil {
		return nil, err
	}
	algorithm := tls.SignatureAndHashAlgorithm{Hash: tls.SHA256, Signature: tls.ECDSA}
	wrapped, err := tls.Marshal(tls.DigitallySigned{Algorithm: algorithm, Signature: signed})
	if err != nil {
		return nil, err
	}
	return &ct.AddChainResponse{SCTVersion: ct.V1, ID: id[:], Timestamp: now, Signature: wrapped}, nil
}
