package ly.highstreet.flyway;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.flywaydb.core.Flyway;
import org.flywaydb.core.api.FlywayException;
import org.flywaydb.core.api.MigrationInfoService;
import org.flywaydb.core.api.logging.LogFactory;
import org.flywaydb.core.api.logging.LogLevel;
import org.flywaydb.core.internal.info.MigrationInfoDumper;

/** Answers as Flyway's command line: its commands, its FLYWAY_* variables, `-name=value`, its words and its exit codes (0, 1). */
public final class Main {
    private static final String USAGE = "Usage: flyway [-X] [-name=value ...] migrate|info|validate|repair|baseline ...";
    private static final String NAME = "Flyway 13.12.0 (highstreet.ly's stand-in for the official image)";
    private static final List<String> COMMANDS = List.of("migrate", "info", "validate", "repair", "baseline");

    private Main() {}

    public static void main(String[] words) {
        LogFactory.setFallbackLogCreator(ignored -> new ConsoleLog());
        List<String> commands = new ArrayList<>();
        Map<String, String> settings = new HashMap<>();
        for (String word : words) {
            if (word.startsWith("-") && word.contains("=")) {
                settings.put("flyway." + word.substring(1, word.indexOf('=')), word.substring(word.indexOf('=') + 1));
            } else if (word.equals("-X")) {
                LogFactory.setLogLevel(LogLevel.DEBUG);
            } else if (List.of("-v", "--version", "version").contains(word)) {
                System.out.println(NAME);
                System.exit(0);
            } else if (List.of("-?", "-h", "--help", "help").contains(word)) {
                System.out.println(USAGE);
                System.exit(0);
            } else if (COMMANDS.contains(word)) {
                commands.add(word);
            } else {
                System.err.println("ERROR: Invalid argument: " + word + "\n" + USAGE);
                System.exit(1);
            }
        }
        if (commands.isEmpty()) {
            System.out.println(USAGE);
            System.exit(0);
        }
        System.exit(run(settings, commands));
    }

    private static int run(Map<String, String> settings, List<String> commands) {
        try {
            System.out.println(NAME + "\n");
            Flyway flyway = Flyway.configure().loggers("console").locations("filesystem:/flyway/sql").envVars().configuration(settings).load();
            for (String command : commands) {
                execute(flyway, command);
            }
            return 0;
        } catch (FlywayException problem) {
            System.err.println("ERROR: " + problem.getMessage());
        } catch (RuntimeException problem) {
            System.err.println("ERROR: Unexpected error");
            problem.printStackTrace();
        }
        return 1;
    }

    private static void execute(Flyway flyway, String command) {
        switch (command) {
            case "migrate" -> flyway.migrate();
            case "validate" -> flyway.validate();
            case "repair" -> flyway.repair();
            case "baseline" -> flyway.baseline();
            default -> {
                MigrationInfoService info = flyway.info();
                System.out.println("Schema version: " + (info.current() == null ? "<< Empty Schema >>" : info.current().getVersion()) + "\n");
                System.out.println(MigrationInfoDumper.dumpToAsciiTable(info.all()));
            }
        }
    }
}
