import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.zip.ZipEntry;
import java.util.zip.ZipInputStream;
import java.util.zip.ZipOutputStream;
import org.objectweb.asm.ClassReader;
import org.objectweb.asm.ClassWriter;
import org.objectweb.asm.Opcodes;
import org.objectweb.asm.tree.AbstractInsnNode;
import org.objectweb.asm.tree.ClassNode;
import org.objectweb.asm.tree.FieldInsnNode;
import org.objectweb.asm.tree.InvokeDynamicInsnNode;
import org.objectweb.asm.tree.MethodInsnNode;
import org.objectweb.asm.tree.MethodNode;

/**
 * Rewrites class files of Java 11 into those of Java 8 without invokedynamic, which dx and Android 8 understand.
 *
 * <p>What D8 does in Google's tools, as far as Kotlin's and AndroidX's class files need it: lambdas and method references
 * become classes, concatenations become methods, and private members that a neighbour uses are opened.
 */
public final class Desugar {
    private final Map<String, ClassNode> classes = new TreeMap<>();

    /** Pairs of arguments: a jar or a folder to read, a jar to write. */
    public static void main(String[] args) throws IOException {
        for (int i = 0; i < args.length; i += 2) new Desugar().run(Path.of(args[i]), Path.of(args[i + 1]));
    }

    private void run(Path in, Path out) throws IOException {
        read(in);
        PrivateAccess access = new PrivateAccess(classes);
        List<ClassNode> made = new ArrayList<>();
        for (ClassNode owner : classes.values()) {
            for (MethodNode method : List.copyOf(owner.methods)) rewrite(owner, method, access, made);
        }
        access.open();
        try (ZipOutputStream zip = new ZipOutputStream(Files.newOutputStream(out))) {
            for (ClassNode node : classes.values()) write(zip, node);
            for (ClassNode node : made) write(zip, node);
        }
    }

    private static void rewrite(ClassNode owner, MethodNode method, PrivateAccess access, List<ClassNode> made) {
        for (AbstractInsnNode instruction : method.instructions.toArray()) {
            if (instruction instanceof InvokeDynamicInsnNode) {
                InvokeDynamicInsnNode dynamic = (InvokeDynamicInsnNode) instruction;
                method.instructions.set(dynamic, replacement(owner, dynamic, access, made));
            } else if (instruction instanceof FieldInsnNode) {
                access.use(owner.name, (FieldInsnNode) instruction);
            } else if (instruction instanceof MethodInsnNode) {
                access.use(owner.name, (MethodInsnNode) instruction);
            }
        }
    }

    private static AbstractInsnNode replacement(
            ClassNode owner, InvokeDynamicInsnNode dynamic, PrivateAccess access, List<ClassNode> made) {
        switch (dynamic.bsm.getOwner()) {
            case "java/lang/invoke/LambdaMetafactory":
                LambdaClass lambda = new LambdaClass(owner.name + "$$Lambda$" + made.size(), dynamic, access);
                made.add(lambda.node);
                return lambda.creation();
            case "java/lang/invoke/StringConcatFactory":
                return StringConcat.call(owner, dynamic);
            default:
                throw new IllegalArgumentException(
                    owner.name + ": expected a lambda or a concatenation. Received: " + dynamic.bsm);
        }
    }

    private void read(Path in) throws IOException {
        if (Files.isDirectory(in)) {
            try (var files = Files.walk(in)) {
                for (Path file : (Iterable<Path>) files.filter(f -> f.toString().endsWith(".class"))::iterator) {
                    add(Files.readAllBytes(file));
                }
            }
            return;
        }
        try (ZipInputStream zip = new ZipInputStream(Files.newInputStream(in))) {
            for (ZipEntry entry; (entry = zip.getNextEntry()) != null; ) {
                String name = entry.getName();
                boolean isModule = name.startsWith("META-INF/") || name.equals("module-info.class");
                if (name.endsWith(".class") && !isModule) add(zip.readAllBytes());
            }
        }
    }

    private void add(byte[] bytes) {
        ClassNode node = new ClassNode();
        new ClassReader(bytes).accept(node, 0);
        node.version = Math.min(node.version & 0xffff, Opcodes.V1_8);
        node.nestHostClass = null;
        node.nestMembers = null;
        classes.put(node.name, node);
    }

    private static void write(ZipOutputStream zip, ClassNode node) throws IOException {
        ClassWriter writer = new ClassWriter(ClassWriter.COMPUTE_MAXS);
        node.accept(writer);
        zip.putNextEntry(new ZipEntry(node.name + ".class"));
        zip.write(writer.toByteArray());
        zip.closeEntry();
    }
}
