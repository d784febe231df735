package ly.highstreet.flyway;

import org.flywaydb.core.api.logging.Log;
import org.flywaydb.core.api.logging.LogFactory;

/** Flyway's words on standard output, its errors and warnings on standard error, as its command line has them. */
final class ConsoleLog implements Log {
    @Override
    public void debug(String message) {
        if (LogFactory.isDebugEnabled()) {
            System.out.println("DEBUG: " + message);
        }
    }

    @Override
    public void info(String message) {
        System.out.println(message);
    }

    @Override
    public void notice(String message) {
        System.out.println(message);
    }

    @Override
    public void warn(String message) {
        System.err.println("WARNING: " + message);
    }

    @Override
    public void error(String message) {
        System.err.println("ERROR: " + message);
    }

    @Override
    public void error(String message, Exception problem) {
        System.err.println("ERROR: " + message);
    }
}
