// Prints what the verifier says of each of the shared vectors, as JSON.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"time"

	"posthorn.dev/webhook"
)

type vector struct {
	Name      string            `json:"name"`
	Signature webhook.Signature `json:"signature"`
	Secrets   []string          `json:"secrets"`
	Headers   map[string]string `json:"headers"`
	Body      string            `json:"body"`
	Now       int64             `json:"now"`
}

func main() {
	text, err := os.ReadFile(os.Args[1])
	if err != nil {
		panic(err)
	}
	var file struct {
		Vectors []vector `json:"vectors"`
	}
	if err := json.Unmarshal(text, &file); err != nil {
		panic(err)
	}
	verdicts := map[string]string{}
	for _, one := range file.Vectors {
		headers := http.Header{}
		for name, value := range one.Headers {
			headers[name] = []string{value}
		}
		options := webhook.Options{Signature: one.Signature, Now: time.Unix(one.Now, 0)}
		verdicts[one.Name] = verdictOf(webhook.Verify([]byte(one.Body), headers, one.Secrets, options))
	}
	answer, _ := json.Marshal(verdicts)
	fmt.Println(string(answer))
}

func verdictOf(err error) string {
	var refused *webhook.Error
	if errors.As(err, &refused) {
		return refused.Reason
	}
	if err != nil {
		return "secret_invalid"
	}
	return "valid"
}
