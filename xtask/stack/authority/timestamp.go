package main

import (
	"log"
	"time"

	"github.com/sigstore/timestamp-authority/v2/pkg/server"
	"github.com/spf13/viper"
)

// serveTimestamps starts Sigstore's own timestamp authority, with a key and a chain of its own, and gives its address.
// Its program is not used, because that wants one fixed port for its metrics: two could not run at a time.
func serveTimestamps() string {
	viper.Set("timestamp-signer", "memory")
	viper.Set("timestamp-signer-hash", "sha256")
	viper.Set("default-policy-oid", "1.3.6.1.4.1.57264.2")
	viper.Set("max-request-body-size", 1<<20)
	served := server.NewRestAPIServer("127.0.0.1", 0, []string{"http"}, false, 30*time.Second, 30*time.Second)
	check(served.Listen())
	go func() { log.Fatal(served.Serve()) }()
	return must(served.HTTPListener()).Addr().String()
}
