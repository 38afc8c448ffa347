// A client that does on the wire what RabbitMQ's tutorial 6 does in Go. Ours, not the tutorial's text: see ../README.md.
//
// AMQP_URL and RPC_QUEUE say where; the argument is n, 30 without one.
package main

import (
	"errors"
	"log"
	"math/rand"
	"os"
	"strconv"
	"time"

	"github.com/streadway/amqp"
)

func must(err error) {
	if err != nil {
		log.Panic(err)
	}
}

// letters makes a correlation id as the tutorial does: 32 capital letters, from a generator that is merely seeded.
func letters() string {
	source := rand.New(rand.NewSource(time.Now().UnixNano()))
	id := make([]byte, 32)
	for i := range id {
		id[i] = 'A' + byte(source.Intn(26))
	}
	return string(id)
}

func call(channel *amqp.Channel, n string) (int, error) {
	callback, err := channel.QueueDeclare("", false, false, true, false, nil)
	must(err)
	replies, err := channel.Consume(callback.Name, "", true, false, false, false, nil)
	must(err)
	request := amqp.Publishing{
		ContentType:   "text/plain",
		CorrelationId: letters(),
		ReplyTo:       callback.Name,
		Body:          []byte(n),
	}
	must(channel.Publish("", os.Getenv("RPC_QUEUE"), false, false, request))
	for reply := range replies {
		if reply.CorrelationId == request.CorrelationId {
			// as in the tutorial: any reply is taken for a number
			return strconv.Atoi(string(reply.Body))
		}
	}
	return 0, errors.New("the connection ended before the reply came")
}

func main() {
	n := "30"
	if len(os.Args) > 1 {
		n = os.Args[1]
	}
	connection, err := amqp.Dial(os.Getenv("AMQP_URL"))
	must(err)
	defer connection.Close()
	channel, err := connection.Channel()
	must(err)
	log.Printf(" [x] Requesting fib(%s)", n)
	result, err := call(channel, n)
	must(err)
	log.Printf(" [.] Got %d", result)
}
