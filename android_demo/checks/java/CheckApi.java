import java.io.FileInputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import org.codehaus.mojo.animal_sniffer.SignatureChecker;
import org.codehaus.mojo.animal_sniffer.logging.Logger;

/** Prints what class files use of Java and Android that a signature file lacks: "Class: member", each once. */
public final class CheckApi implements Logger {
    private static final Set<String> OTHERS = Set.of(
        "androidx.*", "kotlin.*", "kotlinx.*", "org.jetbrains.*", "org.kerassep.*", "org.tensorflow.*");
    private final Set<String> missing = new TreeSet<>();
    private String className;

    public static void main(String[] args) throws Exception {
        CheckApi said = new CheckApi();
        SignatureChecker checker = new SignatureChecker(new FileInputStream(args[0]), OTHERS, said);
        checker.setSourcePath(List.of());
        checker.setAnnotationTypes(List.of("androidx.annotation.RequiresApi"));
        for (String folder : List.of(args).subList(1, args.length)) {
            try (var files = Files.walk(Path.of(folder))) {
                for (Path file : (Iterable<Path>) files.filter(f -> f.toString().endsWith(".class"))::iterator) {
                    said.className = file.getFileName().toString().replaceAll("\\.class$", "");
                    checker.process(file.toFile());
                }
            }
        }
        said.missing.forEach(System.out::println);
    }

    @Override public void error(String message) {
        missing.add(className + ": " + message.replaceAll(".*Undefined reference: ", ""));
    }

    @Override public void error(String message, Throwable error) {
        error(message);
    }

    @Override public void info(String message) {}

    @Override public void info(String message, Throwable error) {}

    @Override public void debug(String message) {}

    @Override public void debug(String message, Throwable error) {}

    @Override public void warn(String message) {}

    @Override public void warn(String message, Throwable error) {}
}
