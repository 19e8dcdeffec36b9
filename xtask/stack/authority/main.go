// Command authority holds three services of a local Sigstore: Fulcio's own server behind its HTTP gateway, the
// certificate log that Fulcio wants to hear from, and a timestamp authority. Keys and certificates are new at every start; what
// others must trust is written to a folder. For tests only.
package main

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"flag"
	"fmt"
	"log"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	ctclient "github.com/google/certificate-transparency-go/client"
	"github.com/google/certificate-transparency-go/jsonclient"
	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"github.com/sigstore/fulcio/pkg/ca"
	"github.com/sigstore/fulcio/pkg/ca/baseca"
	"github.com/sigstore/fulcio/pkg/config"
	gateway "github.com/sigstore/fulcio/pkg/generated/protobuf"
	"github.com/sigstore/fulcio/pkg/server"
	common "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"
	"github.com/sigstore/sigstore/pkg/signature"
	"google.golang.org/grpc/metadata"
)

func main() {
	issuer := flag.String("issuer", "", "the OpenID Connect issuer whose tokens are taken")
	kind := flag.String("issuer-type", "email", "what Fulcio reads from its tokens: email, ci-provider, ...")
	out := flag.String("out", "", "folder for what others must trust")
	flag.Parse()

	rekor := newEd25519()
	writePEM(filepath.Join(*out, "rekor.key"), "PRIVATE KEY", must(x509.MarshalPKCS8PrivateKey(rekor)))
	writePEM(filepath.Join(*out, "rekor.pub"), "PUBLIC KEY", must(x509.MarshalPKIXPublicKey(rekor.Public())))

	logKey := newP256()
	writePEM(filepath.Join(*out, "ctlog.pub"), "PUBLIC KEY", must(x509.MarshalPKIXPublicKey(logKey.Public())))
	certificateLog := listen()
	go func() { log.Fatal(http.Serve(certificateLog, newCertificateLog(logKey))) }()
	logURL := "http://" + certificateLog.Addr().String()

	chain, signer := newAuthority()
	for at, certificate := range chain {
		appendPEM(filepath.Join(*out, "fulcio-chain.pem"), at == 0, "CERTIFICATE", certificate.Raw)
	}

	fulcio := listen()
	// The last line tells that everything is up: what is named before it answers already.
	fmt.Println("ctlog", logURL)
	fmt.Println("timestamp", "http://"+serveTimestamps())
	fmt.Println("fulcio", "http://"+fulcio.Addr().String())
	log.Fatal(http.Serve(fulcio, newFulcio(*issuer, *kind, logURL, chain, signer)))
}

// newFulcio is Fulcio's server as it is, reached over HTTP.
func newFulcio(issuer, kind, logURL string, chain []*x509.Certificate, signer crypto.Signer) http.Handler {
	settings := must(config.Read(must(json.Marshal(map[string]any{
		"OIDCIssuers": map[string]any{
			issuer: map[string]any{"IssuerURL": issuer, "ClientID": "sigstore", "Type": kind},
		},
	}))))
	algorithms := must(signature.NewAlgorithmRegistryConfig([]common.PublicKeyDetails{
		common.PublicKeyDetails_PKIX_ECDSA_P256_SHA_256,
		common.PublicKeyDetails_PKIX_ECDSA_P384_SHA_384,
		common.PublicKeyDetails_PKIX_ED25519,
	}))
	certificateLog := must(ctclient.New(logURL, &http.Client{Timeout: 30 * time.Second}, jsonclient.Options{}))
	authority := &baseca.BaseCA{SignerWithChain: &ca.SignerCerts{Certs: chain, Signer: signer}}
	implementation := server.NewGRPCCAServer(certificateLog, authority, algorithms, server.NewIssuerPool(settings))

	// Some clients put the token into the body, others into a header.
	mux := runtime.NewServeMux(runtime.WithMetadata(func(_ context.Context, request *http.Request) metadata.MD {
		token := strings.TrimPrefix(request.Header.Get("Authorization"), "Bearer ")
		return metadata.Pairs(server.MetadataOIDCTokenKey, token)
	}))
	check(gateway.RegisterCAHandlerServer(context.Background(), mux, implementation))
	return http.HandlerFunc(func(answer http.ResponseWriter, request *http.Request) {
		mux.ServeHTTP(answer, request.WithContext(config.With(request.Context(), settings)))
	})
}

// newAuthority makes a root and the intermediate authority that issues, the intermediate first.
func newAuthority() ([]*x509.Certificate, crypto.Signer) {
	rootKey, signer := newP256(), newP256()
	template := func(serial int64, name string) *x509.Certificate {
		return &x509.Certificate{
			SerialNumber:          big.NewInt(serial),
			Subject:               pkix.Name{Organization: []string{"local"}, CommonName: name},
			NotBefore:             time.Now().Add(-time.Hour),
			NotAfter:              time.Now().AddDate(1, 0, 0),
			IsCA:                  true,
			BasicConstraintsValid: true,
			KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		}
	}
	rootTemplate := template(1, "local root")
	root := must(x509.ParseCertificate(must(x509.CreateCertificate(
		rand.Reader, rootTemplate, rootTemplate, rootKey.Public(), rootKey))))
	issuing := template(2, "local intermediate")
	issuing.MaxPathLenZero = true
	issuing.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning}
	intermediate := must(x509.ParseCertificate(must(x509.CreateCertificate(
		rand.Reader, issuing, root, signer.Public(), rootKey))))
	return []*x509.Certificate{intermediate, root}, signer
}

func newP256() *ecdsa.PrivateKey {
	return must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
}

func newEd25519() ed25519.PrivateKey {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	check(err)
	return key
}

func listen() net.Listener {
	return must(net.Listen("tcp", "127.0.0.1:0"))
}

func writePEM(path, label string, der []byte) {
	appendPEM(path, true, label, der)
}

func appendPEM(path string, first bool, label string, der []byte) {
	mode := os.O_CREATE | os.O_WRONLY | os.O_APPEND
	if first {
		mode = os.O_CREATE | os.O_WRONLY | os.O_TRUNC
	}
	file := must(os.OpenFile(path, mode, 0o600))
	check(pem.Encode(file, &pem.Block{Type: label, Bytes: der}))
	check(file.Close())
}

func must[T any](value T, err error) T {
	check(err)
	return value
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
