import java.io.File;
import java.io.FileInputStream;
import java.util.List;
import java.util.Set;
import org.codehaus.mojo.animal_sniffer.SignatureChecker;
import org.codehaus.mojo.animal_sniffer.logging.Logger;
import org.codehaus.mojo.animal_sniffer.logging.PrintWriterLogger;

/** Prints what class files use of Java and Android that a signature file does not have: API of other versions, or hidden. */
public final class CheckApi {
    private static final Set<String> LIBRARIES = Set.of("androidx.*", "kotlin.*", "kotlinx.*", "org.kerassep.*", "org.tensorflow.*");

    public static void main(String[] args) throws Exception {
        Logger log = new PrintWriterLogger(System.out);
        SignatureChecker checker = new SignatureChecker(new FileInputStream(args[0]), LIBRARIES, log);
        checker.setSourcePath(List.of());
        checker.setAnnotationTypes(List.of("androidx.annotation.RequiresApi"));
        for (String folder : List.of(args).subList(1, args.length)) checker.process(new File(folder));
    }
}
