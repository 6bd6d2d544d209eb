import io.debezium.embedded.Connect;
import io.debezium.engine.ChangeEvent;
import io.debezium.engine.DebeziumEngine;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Properties;
import java.util.concurrent.Future;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.connect.source.SourceRecord;

/**
 * Debezium's engine with its EventRouter, and a producer behind it: `java DebeziumRelay.java KAFKA NAME=VALUE …`.
 *
 * The consumer is Java, so that nothing of Python stands in Debezium's way. A batch is marked as processed when Kafka
 * has confirmed all of it.
 */
public class DebeziumRelay {
    public static void main(String[] arguments) throws Exception {
        Properties settings = new Properties();
        for (int place = 1; place < arguments.length; place++) {
            String[] setting = arguments[place].split("=", 2);
            settings.setProperty(setting[0], setting[1]);
        }
        Properties client = new Properties();
        client.put("bootstrap.servers", arguments[0]);
        client.put("acks", "all");
        KafkaProducer<byte[], byte[]> producer =
            new KafkaProducer<>(client, new ByteArraySerializer(), new ByteArraySerializer());
        DebeziumEngine<ChangeEvent<SourceRecord, SourceRecord>> engine = DebeziumEngine.create(Connect.class)
            .using(settings)
            .notifying((events, committer) -> {
                List<Future<?>> sent = new ArrayList<>(events.size());
                for (ChangeEvent<SourceRecord, SourceRecord> event : events) {
                    sent.add(producer.send(record(event.value())));
                }
                producer.flush();
                for (int place = 0; place < events.size(); place++) {
                    try {
                        sent.get(place).get();
                    } catch (java.util.concurrent.ExecutionException refused) {
                        throw new IllegalStateException(refused.getCause());
                    }
                    committer.markProcessed(events.get(place));
                }
                committer.markBatchFinished();
            })
            .build();
        System.out.println("ready");
        engine.run();
        System.exit(1); // it only ends when something is wrong
    }

    private static ProducerRecord<byte[], byte[]> record(SourceRecord event) {
        ProducerRecord<byte[], byte[]> record =
            new ProducerRecord<>(event.topic(), bytes(event.key()), bytes(event.value()));
        event.headers().forEach(header -> record.headers().add(header.key(), bytes(header.value())));
        return record;
    }

    private static byte[] bytes(Object value) {
        if (value instanceof ByteBuffer buffer) {
            byte[] content = new byte[buffer.remaining()];
            buffer.duplicate().get(content);
            return content;
        }
        return value instanceof byte[] content ? content : String.valueOf(value).getBytes(StandardCharsets.UTF_8);
    }
}
